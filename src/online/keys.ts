/** Beyond this a key is shown by its hash: well below the 512 bytes of KV, with a prefix before it. */
const MAX_SHOWN_BYTES = 384
const utf8 = new TextEncoder()
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * An address or an entity's key as a store can keep it: itself, where any store can hold it and a person can read it, and else
 * `#` and its SHA-256. What is too long, ill-formed or holds control characters is hashed: KV takes 512 bytes, and a lone
 * surrogate or a zero byte does not come through every protocol as it went in. A cryptographic hash, for two keys that meet
 * would take each other's place. No two texts have the same key: none that is shown as itself begins with `#`.
 */
export async function storableKey(text: string): Promise<string> {
  return isStorable(text) ? text : `#${await sha256(text)}`
}

function isStorable(text: string): boolean {
  if (text.startsWith('#') || CONTROL.test(text) || !text.isWellFormed()) return false
  return text.length <= MAX_SHOWN_BYTES / 3 || utf8.encode(text).length <= MAX_SHOWN_BYTES
}

/** Of the UTF-16 code units, so that ill-formed texts differ too. */
async function sha256(text: string): Promise<string> {
  const units = new Uint8Array(text.length * 2)
  const view = new DataView(units.buffer)
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', units))
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
