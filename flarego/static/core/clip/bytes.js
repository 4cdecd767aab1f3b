/** Where a clip's bytes are: in a file, in memory, or behind an address that is read in ranges. */

/**
 * `read` gives `length` bytes from `offset` on, fewer where the clip ends; `whole` all of it.
 * @typedef {{size: number, read(offset: number, length: number): Promise<Uint8Array>, whole(): Promise<Blob>}} Bytes
 */

/** The clip cannot be read, or is none. */
export class ClipError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "ClipError";
  }
}

/** The bytes of a file or of memory. @param {Blob} blob @returns {Bytes} */
export function blobBytes(blob) {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    whole: async () => blob,
  };
}

/** The bytes that a text in base64 stands for. Raises ClipError. @param {string} text */
export function base64Bytes(text) {
  try {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return blobBytes(new Blob([bytes]));
  } catch {
    throw new ClipError("the recording in this page is damaged");
  }
}

/**
 * The bytes at an address. From a server that does not serve ranges all of it is fetched, once. Raises ClipError.
 * @param {string} url @returns {Promise<Bytes>}
 */
export async function urlBytes(url) {
  const first = await ask(url, 0, 1);
  if (first.status !== 206) return blobBytes(await first.blob());
  await first.arrayBuffer();
  const size = Number(/\/(\d+)$/.exec(first.headers.get("Content-Range") ?? "")?.[1] ?? NaN);
  if (!Number.isSafeInteger(size)) throw new ClipError("the server does not say how long the clip is");
  return {
    size,
    read: async (offset, length) => part(url, offset, Math.min(size, offset + length)),
    whole: async () => (await ask(url, 0, size)).blob(),
  };
}

/** @param {string} url @param {number} from @param {number} to */
async function part(url, from, to) {
  if (to <= from) return new Uint8Array(0);
  const response = await ask(url, from, to);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length !== to - from) throw new ClipError("the server sent another part of the clip than was asked for");
  return bytes;
}

/** @param {string} url @param {number} from @param {number} to half-open */
async function ask(url, from, to) {
  let response;
  try {
    response = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` }, cache: "no-store" });
  } catch {
    throw new ClipError("the server does not answer; is flarego still running?");
  }
  if (!response.ok) throw new ClipError(`the server does not give the clip (${response.status} ${response.statusText})`);
  return response;
}
