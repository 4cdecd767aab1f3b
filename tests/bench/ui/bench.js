// The steps run.py times: an adapter is told to paint, zoom, search, update; a step is over when the frame after it is painted.
// An adapter says which `data` it takes and has init(element, data), first(), update(which 0 | 1), zoom(), reset(), search(text).
const query = new URLSearchParams(location.search);
const frame = () => new Promise((done) => requestAnimationFrame(done));
const task = () => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = done;
  port2.postMessage(0);
});
async function painted() {
  await frame();
  await task();
}

const adapter = (await import(`./adapters/${query.get("adapter")}.js`)).default;
window.bench = {
  async load() {
    const data = await (await fetch(`data/${query.get("n")}.${adapter.data}`)).json();
    await adapter.init(document.getElementById("app"), data);
  },
  async step(name, ...options) {
    await painted();
    const start = performance.now();
    await adapter[name](...options);
    await painted();
    return performance.now() - start;
  },
  /** Updates at a rate for some seconds: frames a second, updates a second, the worst gap between frames in ms. */
  async live(hz, seconds) {
    const start = performance.now();
    let [next, applied, last, frames, worst] = [start, 0, start, 0, 0];
    while (performance.now() - start < seconds * 1000) {
      await frame();
      const now = performance.now();
      worst = Math.max(worst, now - last);
      last = now;
      frames++;
      if (now < next) continue;
      await adapter.update(applied++ % 2);
      next = Math.max(next + 1000 / hz, performance.now());
    }
    const spent = (performance.now() - start) / 1000;
    return { fps: frames / spent, applied: applied / spent, worst };
  },
  about: () => adapter.about?.() ?? {},
};
