// Before anything is painted: the theme that was chosen in this browser, so that no page flashes up in the other.
try {
  const theme = localStorage.getItem("meshward.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme it is.
}
