from meshward.text import printable


def test_plain_text_of_any_script_stays():
    assert printable("Lampe an, 灯 🔦 é") == "Lampe an, 灯 🔦 é"


def test_a_terminal_gets_nothing_to_obey():
    shown = printable("\x1b[2J\x9b1mred\x07\u202eevil\u200b\ud800\u2028")
    assert shown.isprintable()
    assert "red" in shown


def test_lines_become_one():
    assert printable("a\r\nb\tc") == "a  b c"


def test_long_text_is_cut_where_it_still_fits():
    assert printable("x" * 1_000_000, limit=10) == "x" * 9 + "…"
    assert printable("x" * 10, limit=10) == "x" * 10
