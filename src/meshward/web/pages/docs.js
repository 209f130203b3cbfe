"use strict";

// A file of its own, for the page's content security policy allows no script inside it.
window.SwaggerUIBundle({
  url: "v1/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
});
