/**
 * A KV namespace for the local runtime: what workerd's binding asks over HTTP (get, bulk get, put, delete; no list, metadata or
 * expiry), kept in a Durable Object. Strongly consistent and without limits of its own, unlike Cloudflare's: the fake in
 * test/online/fake-kv.ts is like that.
 */
import { DurableObject } from 'cloudflare:workers'

/** SQLite in a Durable Object takes rows of 2 MB, KV values of 25 MiB. */
const PIECE_BYTES = 1_000_000
const MAX_VALUE_BYTES = 25 * 1024 * 1024
const MAX_KEYS = 100

export class KvNamespace extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    this.sql = ctx.storage.sql
    this.sql.exec('create table if not exists piece (key text, number integer, bytes blob, primary key (key, number))')
  }

  async fetch(request) {
    const url = new URL(request.url)
    if (request.method === 'POST' && url.pathname === '/bulk/get') return this.readMany(await request.json())
    const key = decodeURIComponent(url.pathname.slice(1))
    switch (request.method) {
      case 'GET': {
        const value = this.read(key)
        return value === null ? new Response('Not Found', { status: 404 }) : new Response(value)
      }
      case 'PUT':
        return this.write(key, new Uint8Array(await request.arrayBuffer()))
      case 'DELETE':
        this.sql.exec('delete from piece where key = ?', key)
        return new Response()
      default:
        return new Response(`The local KV does not know ${request.method}`, { status: 405 })
    }
  }

  readMany({ keys }) {
    if (keys.length < 1 || keys.length > MAX_KEYS)
      return new Response(`Between 1 and ${MAX_KEYS} keys may be asked for`, { status: 400 })
    const text = new TextDecoder()
    const values = keys.map((key) => [key, this.read(key)])
    const bytes = values.reduce((sum, [, value]) => sum + (value?.length ?? 0), 0)
    if (bytes > MAX_VALUE_BYTES) return new Response('Total size of request exceeds the limit of 25MB', { status: 413 })
    return Response.json(Object.fromEntries(values.map(([key, value]) => [key, value && text.decode(value)])))
  }

  read(key) {
    const pieces = [...this.sql.exec('select bytes from piece where key = ? order by number', key)]
    if (pieces.length === 0) return null
    const value = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.byteLength, 0))
    let at = 0
    for (const { bytes } of pieces) {
      value.set(new Uint8Array(bytes), at)
      at += bytes.byteLength
    }
    return value
  }

  write(key, value) {
    if (value.length > MAX_VALUE_BYTES) return new Response('Value exceeds the limit of 25MB', { status: 413 })
    this.ctx.storage.transactionSync(() => {
      this.sql.exec('delete from piece where key = ?', key)
      for (let at = 0; at === 0 || at < value.length; at += PIECE_BYTES)
        this.sql.exec('insert into piece values (?, ?, ?)', key, at / PIECE_BYTES, value.slice(at, at + PIECE_BYTES))
    })
    return new Response()
  }
}

export default {
  fetch(request, env) {
    return env.NAMESPACE.getByName('kv').fetch(request)
  },
}
