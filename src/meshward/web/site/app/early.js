// Before anything is painted: the theme that was chosen in this browser, or the system's, so that no page flashes up
// in the other one.
let theme = null;
try {
  theme = localStorage.getItem("meshward.theme");
} catch {
  // Storage is switched off: the system's theme it is.
}
if (theme !== "light" && theme !== "dark") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.documentElement.dataset.theme = theme;
