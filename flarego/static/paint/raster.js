/**
 * Pixels written by hand: thousands of columns a pixel wide, which a canvas takes ten times as long to
 * fill as one image. Everything is in device pixels.
 */

/** A colour as the pixels of an image have it, on little-endian hosts: all that browsers run on. @param {string} hex `#rrggbb` */
export function pixelOf(hex) {
  const value = parseInt(hex.slice(1, 7), 16);
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

export class Raster {
  /** @type {ImageData | null} */
  image = null;
  #pixels = new Uint32Array(0);
  width = 0;
  height = 0;

  /** Makes it a size, all of one colour. @param {number} width @param {number} height @param {string} colour */
  clear(width, height, colour) {
    if (this.image === null || width !== this.width || height !== this.height) {
      this.image = new ImageData(width, height);
      this.#pixels = new Uint32Array(this.image.data.buffer);
      [this.width, this.height] = [width, height];
    }
    this.#pixels.fill(pixelOf(colour));
  }

  /** Fills a rectangle, as far as it is inside. @param {number} left @param {number} top @param {number} right @param {number} bottom @param {number} pixel */
  fill(left, top, right, bottom, pixel) {
    const [x, end] = [Math.max(0, left), Math.min(this.width, right)];
    const pixels = this.#pixels;
    for (let y = Math.max(0, top); y < bottom && y < this.height; y++) {
      const row = y * this.width;
      for (let at = row + x; at < row + end; at++) pixels[at] = pixel;
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y */
  put(context, x, y) {
    if (this.image !== null) context.putImageData(this.image, x, y);
  }
}
