/** Returns a function that calls f when it was not called for wait_ms. */
export function debounce(f, wait_ms) {
  let timer = null;
  return function (...args) {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      f.apply(this, args);
    }, wait_ms);
  };
}
