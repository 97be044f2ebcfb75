const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * The bytes of a base64 text (RFC 4648, section 4: with padding, no white space), or undefined when it is none. `atob`
 * alone would skip white space and take a text without padding.
 *
 * @example fromBase64('AAAAPw==') // the bytes of 0.5 as little-endian float32
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !ALPHABET.test(text)) return undefined
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** The base64 text of bytes (RFC 4648, section 4: with padding). */
export function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = []
  // A few thousand at a time: as arguments of a call, millions would overflow the stack.
  for (let at = 0; at < bytes.length; at += 8192) pieces.push(String.fromCharCode(...bytes.subarray(at, at + 8192)))
  return btoa(pieces.join(''))
}
