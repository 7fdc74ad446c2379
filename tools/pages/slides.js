const slides = [...document.querySelectorAll("section")];
const steps = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1};

function current() {
  return Math.round(scrollY / innerHeight);
}

function show(number) {
  slides[Math.min(Math.max(number, 0), slides.length - 1)].scrollIntoView();
}

// What is too large for its slide becomes smaller until it fits.
function fit() {
  for (const slide of document.querySelectorAll(".slide")) {
    for (let size = 100; size >= 50; size -= 4) {
      slide.style.fontSize = size + "%";
      if (slide.scrollHeight <= slide.clientHeight && slide.scrollWidth <= slide.clientWidth) break;
    }
  }
}

addEventListener("keydown", event => {
  const to = {Home: 0, End: slides.length - 1}[event.key] ?? (steps[event.key] && current() + steps[event.key]);
  if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  show(to);
  history.replaceState(null, "", "#" + slides[Math.min(Math.max(to, 0), slides.length - 1)].id);
});
addEventListener("resize", fit);
addEventListener("beforeprint", fit);
fit();
if (location.hash) document.querySelector(location.hash)?.scrollIntoView();
