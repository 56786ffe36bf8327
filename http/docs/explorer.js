"use strict";
// Nothing is sent to a validator or kept in the browser: the token that is typed in lives as long as the page.
window.addEventListener("load", function () {
  window.SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#explorer",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
  });
});
