import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { MAX_BODY_BYTES, readBody } from '../../src/serve/index.ts'

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>

function read(body: Body | null, headers: Record<string, string> = {}, maxBytes?: number) {
  const init = { method: 'POST', body, headers, ...(body instanceof ReadableStream && { duplex: 'half' as const }) }
  return readBody(new Request('http://door/', init), maxBytes)
}

const gzip = (text: string | Uint8Array) => new Uint8Array(gzipSync(text))
const gzipped = { 'content-encoding': 'gzip' }

/** A sender that never ends, and says how much was taken of it. */
function endless(chunk: Uint8Array) {
  const sent = { bytes: 0 }
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent.bytes += chunk.length
      controller.enqueue(chunk)
    },
  })
  return { sent, body }
}

test('text comes as it was sent, plain or gzip, in one piece or many, without a byte order mark', async () => {
  expect(await read('[1,"é😀"]')).toBe('[1,"é😀"]')
  expect(await read(gzip('[1,"é😀"]'), gzipped)).toBe('[1,"é😀"]')
  expect(await read(gzip('x'), { 'content-encoding': 'GZIP' })).toBe('x')
  expect(await read('x', { 'content-encoding': 'identity' })).toBe('x')
  expect(await read('\uFEFF{}')).toBe('{}')
  expect(await read(null)).toBe('')
  expect(await read('')).toBe('')
  const bytes = new TextEncoder().encode('é😀'.repeat(1_000))
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.slice(i * 7, i * 7 + 7))
  expect(await read(ReadableStream.from(pieces))).toBe('é😀'.repeat(1_000))
})

test('a body at the cap is read, one byte more is 413, whether its length is declared or not', async () => {
  expect(await read('x'.repeat(MAX_BODY_BYTES))).toHaveLength(MAX_BODY_BYTES)
  expect(await read('x'.repeat(MAX_BODY_BYTES + 1))).toMatchObject({ status: 413, code: 'body_too_large' })
  expect(await read('xxx', { 'content-length': '10485760' })).toMatchObject({ status: 413 })
  expect(await read(ReadableStream.from([new Uint8Array(60), new Uint8Array(41)]), {}, 100)).toMatchObject({
    status: 413,
  })
  expect(await read(ReadableStream.from([new Uint8Array(60), new Uint8Array(40)]), {}, 100)).toHaveLength(100)
})

test('10 MB without an end in sight are not read to their end', async () => {
  const { sent, body } = endless(new Uint8Array(65_536).fill(32))
  expect(await read(body)).toMatchObject({ status: 413 })
  expect(sent.bytes).toBeLessThan(MAX_BODY_BYTES + 1_000_000)
})

test('a gzip bomb is given up at the cap of what comes out of it', async () => {
  const bomb = gzip(new Uint8Array(200_000_000))
  expect(bomb.length).toBeLessThan(MAX_BODY_BYTES)
  const before = process.memoryUsage().arrayBuffers
  expect(await read(bomb, gzipped)).toMatchObject({ status: 413, code: 'body_too_large' })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  expect(await read(gzip('x'.repeat(101)), gzipped, 100)).toMatchObject({ status: 413 })
  expect(await read(gzip('x'.repeat(100)), gzipped, 100)).toHaveLength(100)
})

test('what is not gzip, or cut, or followed by something is 400', async () => {
  for (const body of [new TextEncoder().encode('plain'), gzip('hello').slice(0, 12), new Uint8Array([0x1f])]) {
    expect(await read(body, gzipped)).toMatchObject({ status: 400, code: 'bad_gzip' })
  }
})

test('what is not UTF-8 is 400, plain or gzip', async () => {
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x61, 0xe2, 0x82]]) {
    const body = new Uint8Array(bytes)
    expect(await read(body)).toMatchObject({ status: 400, code: 'bad_utf8' })
    expect(await read(gzip(body), gzipped)).toMatchObject({ status: 400, code: 'bad_utf8' })
  }
})

test('another encoding is 415 and named', async () => {
  for (const encoding of ['br', 'deflate', 'gzip, gzip']) {
    const problem = await read('x', { 'content-encoding': encoding })
    expect(problem).toMatchObject({ status: 415, code: 'unknown_encoding', detail: expect.stringContaining(encoding) })
  }
})
