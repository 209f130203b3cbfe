// Lets Cytoscape.js rest. By itself it asks for every frame of the screen, forever, to see whether there is something
// to draw; a page that stands still should cost nothing.

/** Frames without anything to draw before it rests: until then it may be drawing sharper pictures of nodes. */
const IDLE_FRAMES = 60;

/**
 * End the loop of a renderer while nothing is to be drawn, and begin it again when something is. A loop ends where
 * it finds its renderer `destroyed`: that is what it finds for one frame, between two callbacks of ours.
 */
export function restWhenIdle(renderer) {
  let idle = 0;
  let resting = false;
  const redraw = renderer.redraw;
  renderer.redraw = function (...given) {
    redraw.apply(this, given);
    idle = 0;
    if (!resting || this.destroyed) return;
    resting = false;
    this.startRenderLoop();
  };
  renderer.beforeRender((willDraw) => {
    idle = willDraw ? 0 : idle + 1;
    if (idle !== IDLE_FRAMES) return;
    // The loop asks for its next frame right after this: one callback comes before it, the other after.
    requestAnimationFrame(() => {
      if (idle < IDLE_FRAMES || renderer.destroyed) return;
      resting = true;
      renderer.destroyed = true;
    });
    queueMicrotask(() =>
      requestAnimationFrame(() => {
        if (!resting || idle < IDLE_FRAMES || renderer.cy.destroyed()) return;
        renderer.destroyed = false;
        renderer.renderLoopStarted = false;
      }),
    );
  }, 0);
}
