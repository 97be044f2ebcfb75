import type { Problem } from './problem.ts'

/** A body is read whole before it is routed: this much at most, after decompression. */
export const MAX_BODY_BYTES = 5 * 1024 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** The text of a request's body, decompressed, never more than the cap in memory; or why it was not read. */
export async function readBody(request: Request, maxBytes = MAX_BODY_BYTES): Promise<string | Problem> {
  const bytes = await readBytes(request, maxBytes)
  return 'status' in bytes ? bytes : bodyText(bytes)
}

/** The bytes of a request's body, decompressed: what a signature is checked against. */
export async function readBytes(request: Request, maxBytes = MAX_BODY_BYTES): Promise<Uint8Array | Problem> {
  const encoding = request.headers.get('content-encoding')?.toLowerCase() ?? 'identity'
  if (encoding !== 'identity' && encoding !== 'gzip') {
    return {
      status: 415,
      code: 'unknown_encoding',
      detail: `Content-Encoding ${encoding} is not understood; send gzip, or none.`,
    }
  }
  const declared = request.headers.get('content-length')
  if (Number(declared ?? 0) > maxBytes) return tooLarge(maxBytes)
  if (request.body === null) return new Uint8Array()
  const isGzip = encoding === 'gzip'
  // The server holds a sender to its declared length, so such a body needs no counting: one read instead of a loop.
  const bytes =
    declared !== null && !isGzip
      ? new Uint8Array(await request.arrayBuffer())
      : await readCapped(isGzip ? request.body.pipeThrough(new DecompressionStream('gzip')) : request.body, maxBytes)
  if (bytes === 'too large') return tooLarge(maxBytes)
  if (bytes === 'broken')
    return { status: 400, code: 'bad_gzip', detail: 'The body says it is gzip, but cannot be decompressed.' }
  return bytes
}

/** The text of a body's bytes, without a byte order mark. */
export function bodyText(bytes: Uint8Array): string | Problem {
  try {
    return utf8.decode(bytes)
  } catch {
    return notUtf8
  }
}

/**
 * The text of a small request. A body of known length is read by the runtime in one step, twice as fast as `readBody`; it
 * writes U+FFFD for bytes that are no UTF-8, so a body with that character is refused (JSON can say it as an escape).
 */
export async function readSmallBody(request: Request, maxBytes: number): Promise<string | Problem> {
  const declared = request.headers.get('content-length')
  if (declared === null || request.headers.has('content-encoding')) return readBody(request, maxBytes)
  if (Number(declared) > maxBytes) return tooLarge(maxBytes)
  const text = await request.text()
  return text.includes('\ufffd') ? notUtf8 : text
}

const notUtf8: Problem = {
  status: 400,
  code: 'bad_utf8',
  detail: 'The body is not UTF-8.',
}

const tooLarge = (maxBytes: number): Problem => ({
  status: 413,
  code: 'body_too_large',
  detail: `The body is larger than ${maxBytes} bytes (after decompression): send it in several requests.`,
})

async function readCapped(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | 'too large' | 'broken'> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      length += value.length
      if (length > maxBytes) {
        await reader.cancel('too large')
        return 'too large'
      }
      chunks.push(value)
    }
  } catch {
    return 'broken'
  }
  const only = chunks[0]
  if (chunks.length === 1 && only) return only
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
