// Tables as files: CSV as in RFC 4180, and safe to open in a spreadsheet.

/** A table of texts, numbers and nothing as CSV; the first row is the head. */
export const csvOf = (rows) => rows.map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");

function cellOf(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  // A spreadsheet takes a text that begins so for a formula; names come from anybody.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Let the browser save a CSV as a file; spreadsheets know its encoding by the mark at the beginning. */
export const saveText = (name, text) => save(name, new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));

/** Let the browser save a Blob as a file. */
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
