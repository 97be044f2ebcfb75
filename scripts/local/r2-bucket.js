/**
 * An R2 bucket for the local runtime: what workerd's binding asks over HTTP (head, get, put, delete, list), with each object as a
 * plain file under its key, so that anything on this machine reads them. The files are the whole truth: there is no index beside
 * them, and what another process writes there is there.
 *
 * Not as at Cloudflare: no multipart uploads, no metadata of one's own, no conditions by date, and a listing has empty etags,
 * for an etag is the MD5 of the bytes, which a listing does not read. No part of a key begins with a dot: workerd keeps half
 * written files under such names.
 */
import { DurableObject } from 'cloudflare:workers'

const MAX_LISTED = 1000
const MAX_KEY_BYTES = 1024
const MAX_DELETED = 1000
const DIGESTS = { md5: 'MD5', sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' }

const INTERNAL = 10001
const NO_SUCH_KEY = 10007
const INVALID_KEY = 10020
const INVALID_ARGUMENT = 10029
const PRECONDITION_FAILED = 10031
const BAD_DIGEST = 10037
const INVALID_RANGE = 10039

class Refusal extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

export class R2BucketOfFiles extends DurableObject {
  /** The last write: each waits for the one before, so that nothing comes between a condition and what it was for. */
  written = Promise.resolve()

  async fetch(request) {
    try {
      if (request.method === 'GET') return await this.read(JSON.parse(request.headers.get('cf-r2-request')))
      const bytes = new Uint8Array(await request.arrayBuffer())
      const metadataBytes = Number(request.headers.get('cf-r2-metadata-size'))
      const asked = JSON.parse(new TextDecoder().decode(bytes.subarray(0, metadataBytes)))
      const answer = this.written.then(() => this.write(asked, bytes.subarray(metadataBytes)))
      this.written = answer.catch(() => {})
      return await answer
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      return refused(error instanceof Refusal ? error : new Refusal(500, INTERNAL, String(error)))
    }
  }

  async read(asked) {
    switch (asked.method) {
      case 'head':
        return answered(objectOf(asked.object, await this.mustFind(asked.object)))
      case 'get': {
        if (asked.rangeHeader !== undefined) throw unknown('a range as a header; give offset, length or suffix')
        const found = await this.mustFind(asked.object)
        const object = objectOf(asked.object, found)
        if (!holds(asked.onlyIf, found))
          return refused(new Refusal(412, PRECONDITION_FAILED, 'The condition does not hold.'), object)
        const { bytes } = found
        if (asked.range === undefined) return answered(object, bytes)
        const { start, end } = rangeOf(asked.range, bytes.length)
        return answered({ ...object, range: { offset: start, length: end - start } }, bytes.subarray(start, end))
      }
      case 'list':
        return answered(await this.list(asked))
      default:
        throw unknown(asked.method)
    }
  }

  async write(asked, bytes) {
    switch (asked.method) {
      case 'put': {
        const key = checked(asked.object)
        if (asked.customFields?.length > 0) throw unknown('metadata of an object: the file has nowhere to keep it')
        if (!holds(asked.onlyIf, await this.find(key)))
          throw new Refusal(412, PRECONDITION_FAILED, 'The condition does not hold.')
        await checkDigests(asked, bytes)
        // The disk service writes beside and renames: whoever reads the file sees all of it, or what was there before.
        const { ok } = await this.disk(key, { method: 'PUT', body: bytes }).catch(() => ({ ok: false }))
        if (!ok)
          throw new Refusal(
            400,
            INVALID_KEY,
            `The file of ${key} cannot be written: a folder or a file may stand in its place, or the disk is full.`,
          )
        return answered(objectOf(key, { bytes, etag: await md5(bytes), uploaded: Date.now() }))
      }
      case 'delete': {
        const keys = (asked.objects ?? [asked.object]).map(checked)
        if (keys.length > MAX_DELETED)
          throw new Refusal(400, INVALID_ARGUMENT, `At most ${MAX_DELETED} keys are deleted at once.`)
        for (const key of keys) {
          // Of a folder the disk service would delete all that is in it.
          if ((await this.sizeOf(key)) !== undefined) await this.disk(key, { method: 'DELETE' })
        }
        return new Response()
      }
      default:
        throw unknown(asked.method)
    }
  }

  disk(path, options) {
    return this.env.DISK.fetch(`http://disk/${path.split('/').map(encodeURIComponent).join('/')}`, options)
  }

  async mustFind(key) {
    const found = await this.find(checked(key))
    if (found === undefined) throw new Refusal(404, NO_SUCH_KEY, 'The specified key does not exist.')
    return found
  }

  async find(key) {
    const response = await this.disk(key)
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (!isFile(response)) return undefined
    return { bytes, etag: await md5(bytes), uploaded: Date.parse(response.headers.get('last-modified')) }
  }

  async sizeOf(key) {
    return (await this.statOf(key))?.size
  }

  async statOf(key) {
    const response = await this.disk(key, { method: 'HEAD' })
    if (!isFile(response)) return undefined
    const { headers } = response
    return { size: Number(headers.get('content-length')), uploaded: Date.parse(headers.get('last-modified')) }
  }

  async list({ prefix = '', limit = MAX_LISTED, cursor, delimiter = '', startAfter = '' }) {
    if (delimiter !== '' && delimiter !== '/') throw unknown(`the delimiter ${delimiter}; it is /`)
    const after = cursor === undefined ? startAfter : decodeURIComponent(cursor)
    const objects = []
    const prefixes = new Set()
    let last
    for await (const key of this.keysFrom(prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, after)) {
      if (objects.length + prefixes.size >= limit) return pageOf(objects, prefixes, last)
      last = key
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      if (cut >= 0) prefixes.add(key.slice(0, cut + 1))
      else {
        const file = await this.statOf(key)
        if (file !== undefined) objects.push(objectOf(key, { ...file, etag: '' }))
      }
    }
    return pageOf(objects, prefixes)
  }

  /** Keys of files below a folder, in order: a folder stands where its name with the slash does. */
  async *keysFrom(folder, prefix, after) {
    const response = await this.disk(folder)
    const entries = response.ok && !isFile(response) ? await response.json() : []
    const names = entries.map(({ name, type }) => (type === 'directory' ? `${folder}${name}/` : `${folder}${name}`))
    for (const name of names.sort(byCodePoint)) {
      if (name.endsWith('/')) {
        const mayLead = name.startsWith(prefix) || prefix.startsWith(name)
        // The keys of a folder that ends before it are all done; one that the cursor stands in is not.
        const isDone = byCodePoint(name, after) < 0 && !after.startsWith(name)
        if (mayLead && !isDone) yield* this.keysFrom(name, prefix, after)
      } else if (name.startsWith(prefix) && byCodePoint(name, after) > 0) yield name
    }
  }
}

/** UTF-8 sorts by code points, as R2 does; UTF-16 does not. */
function byCodePoint(a, b) {
  const [x, y] = [a, b].map((text) => new TextEncoder().encode(text))
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i] - y[i]
  return x.length - y.length
}

const isFile = (response) => response.ok && response.headers.get('content-type') === 'application/octet-stream'

function checked(key) {
  const parts = key.split('/')
  const isBad = parts.some((part) => part === '' || part.startsWith('.') || part.includes('\0'))
  if (isBad || new TextEncoder().encode(key).length > MAX_KEY_BYTES)
    throw new Refusal(
      400,
      INVALID_KEY,
      `"${key}" cannot be a file here: a key has parts with slashes between, none empty or with a dot before, in at most ${MAX_KEY_BYTES} bytes.`,
    )
  return key
}

const unknown = (what) => new Refusal(400, INVALID_ARGUMENT, `The local R2 does not know ${what}.`)

const objectOf = (name, { bytes, size = bytes.length, etag, uploaded }) => ({
  name,
  version: etag,
  size,
  etag,
  uploaded,
  httpFields: {},
  customFields: [],
  checksums: etag === '' ? {} : { 0: etag },
})

const pageOf = (objects, prefixes, last) => ({
  objects,
  truncated: last !== undefined,
  ...(last !== undefined && { cursor: encodeURIComponent(last) }),
  delimitedPrefixes: [...prefixes],
})

/** Metadata as JSON, and behind it the bytes. */
function answered(metadata, bytes = new Uint8Array()) {
  const json = new TextEncoder().encode(JSON.stringify(metadata))
  const body = new Uint8Array(json.length + bytes.length)
  body.set(json)
  body.set(bytes, json.length)
  return new Response(body, { headers: { 'cf-r2-metadata-size': String(json.length) } })
}

function refused({ status, code, message }, object) {
  const { body, headers } = object === undefined ? new Response() : answered(object)
  const error = JSON.stringify({ version: 1, v4code: code, message })
  return new Response(body, { status, headers: { ...Object.fromEntries(headers), 'cf-r2-error': error } })
}

/** Whether a condition holds for what is there, if something is. */
function holds(onlyIf, found) {
  if (onlyIf === undefined) return true
  if (onlyIf.uploadedBefore !== undefined || onlyIf.uploadedAfter !== undefined)
    throw unknown('conditions by date; use etags')
  const { etagMatches, etagDoesNotMatch } = onlyIf
  const among = (etags) =>
    found !== undefined && etags.some(({ type, value }) => type === 'wildcard' || value === found.etag)
  return (etagMatches === undefined || among(etagMatches)) && !among(etagDoesNotMatch ?? [])
}

function rangeOf({ offset, length, suffix }, size) {
  const start = suffix === undefined ? Number(offset ?? 0) : Math.max(0, size - Number(suffix))
  const end = suffix === undefined && length !== undefined ? Math.min(size, start + Number(length)) : size
  if (start < 0 || end <= start) throw new Refusal(416, INVALID_RANGE, 'The requested range is not satisfiable.')
  return { start, end }
}

async function checkDigests(asked, bytes) {
  for (const [field, name] of Object.entries(DIGESTS)) {
    const wanted = asked[field]
    if (wanted === undefined) continue
    // MD5 comes in base64, the others in hexadecimal.
    const hex = field === 'md5' ? hexOf(Uint8Array.from(atob(wanted), (char) => char.charCodeAt(0))) : wanted
    if ((await digest(name, bytes)) !== hex)
      throw new Refusal(400, BAD_DIGEST, `The ${name} you specified did not match what we received.`)
  }
}

const md5 = (bytes) => digest('MD5', bytes)
const digest = async (name, bytes) => hexOf(new Uint8Array(await crypto.subtle.digest(name, bytes)))
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export default {
  fetch(request, env) {
    return env.BUCKET.getByName('r2').fetch(request)
  },
}
