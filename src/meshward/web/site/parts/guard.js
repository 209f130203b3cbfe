// Keeps a mistake in one view from taking the frame, and with it the way to the other views, away.
import { Component } from "preact";
import { html } from "../app/dom.js";
import { t } from "../app/words.js";
import { Failed } from "./basics.js";

/** Shows its children; where drawing them fails, what to do instead, until `place` is another one. */
export class Guard extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  componentDidUpdate(before) {
    if (this.state.error && before.place !== this.props.place) this.setState({ error: null });
  }

  render({ children }) {
    if (!this.state.error) return children;
    const message = t("shell.broken", { error: this.state.error.message });
    return html`<${Failed} error=${{ message }} retry=${() => this.setState({ error: null })} />`;
  }
}
