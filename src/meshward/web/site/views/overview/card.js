// A card of the overview, with its heading and the way to the view that has all of it.
import { classes, html } from "../../app/dom.js";

/** `more` is [address, text] of a link beside the heading. */
export const Card = ({ id, title, more, kind, children }) =>
  html`<section class=${classes("card", kind)} aria-labelledby=${id}>
    <div class="card-head">
      <h2 id=${id}>${title}</h2>
      ${more && html`<a href=${more[0]}>${more[1]}</a>`}
    </div>
    ${children}
  </section>`;
