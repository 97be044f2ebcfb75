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

/** The base64 of bytes, with padding. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let i = 0; i < bytes.length; i++) binary += String.fromCharCode(bytes[i] as number)
  return btoa(binary)
}
