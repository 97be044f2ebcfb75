import { type Context, Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import { formatShardName, type Plan } from '../../src/plan/index.ts'
import { type Problem, problemResponse, readSmallBody } from '../../src/serve/index.ts'
import type { Backfill, BackfillPiece, NoBackfill } from '../../src/shard/index.ts'
import { fromBase64 } from '../../src/util/base64.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'
import { type NamedShard, shardsOf } from './shards.ts'

export interface BackfillDoor {
  readonly plan: Plan
  readonly app: App
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/** How the backfill of a view stands in one shard. */
export type ShardBackfill = { readonly epoch: number; readonly shard: number } & (Backfill | NoBackfill)

/** Some hundred states of the largest entities. */
const MAX_PIECE_BYTES = 24 * 1024 * 1024

/**
 * Fills views with the history from before they came (docs/backfill.md). `POST /{view}` begins in every shard, or says how what was begun stands;
 * `POST /{view}/{shard}/pieces` takes states in, `POST /{view}/{shard}/end` says that all are there. Needs the scope `admin`.
 */
export function backfillRoutes({ plan, app, refuse }: BackfillDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()
  type Asked = Context<{ Bindings: IngestBindings }>

  /** The shards of a view's entity; or why there are none. */
  function shardsFor(c: Asked): readonly NamedShard[] | Problem {
    const denied = refuse(c.env, c.req.header('authorization'), 'admin')
    if (denied) return denied
    const view = c.req.param('view') ?? ''
    const entity = plan.spec.views.find(({ name }) => name === view)?.entity
    if (entity === undefined) {
      const known = plan.spec.views.map(({ name }) => name)
      const detail = `There is no feature view "${view}".${didYouMean(view, known)}`
      return { status: 404, code: 'unknown_view', detail }
    }
    return shardsOf(plan, app, c.env.REGION).filter(({ kind, name }) => kind === 'entity' && name.entity === entity)
  }

  /** One shard, by the number in the path. */
  function shardFor(c: Asked): NamedShard | Problem {
    const shards = shardsFor(c)
    if ('detail' in shards) return shards
    const number = c.req.param('shard') ?? ''
    const found = shards.find(({ name }) => String(name.shard) === number)
    const detail = `The entity has no shard "${number}": they are 0 to ${shards.length - 1}.`
    return found ?? { status: 404, code: 'unknown_shard', detail }
  }

  http.post('/:view', async (c) => {
    const shards = shardsFor(c)
    if ('detail' in shards) return problemResponse(shards)
    const begun = await Promise.all(
      shards.map(async ({ name }): Promise<ShardBackfill> => {
        const answer = await stubOf(name, c.env).beginBackfill(c.req.param('view'))
        return { epoch: name.epoch, shard: name.shard, ...answer }
      }),
    )
    return c.json({ region: c.env.REGION, entity: shards[0]?.name.entity ?? '', shards: begun })
  })

  http.post('/:view/:shard/pieces', async (c) => {
    const found = shardFor(c)
    if ('detail' in found) return problemResponse(found)
    const text = await readSmallBody(c.req.raw, MAX_PIECE_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    const piece = pieceOf(text, c.req.param('view'))
    if (piece === undefined) {
      const detail =
        'The body is { "after": null, "cells": [{ "key": "u1", "state": base64 }] }, as npx tidemark backfill sends it.'
      return problemResponse({ status: 400, code: 'bad_piece', detail })
    }
    return answered(c, await stubOf(found.name, c.env).takeBackfill(piece))
  })

  http.post('/:view/:shard/end', async (c) => {
    const found = shardFor(c)
    if ('detail' in found) return problemResponse(found)
    const text = await readSmallBody(c.req.raw, MAX_PIECE_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    const sinceMs = numberIn(text, 'sinceMs')
    if (sinceMs === undefined || sinceMs < 0) {
      const detail = 'The body is { "sinceMs": from when on the history is complete, ms since the epoch }.'
      return problemResponse({ status: 400, code: 'bad_since', detail })
    }
    return answered(c, await stubOf(found.name, c.env).endBackfill(c.req.param('view'), sinceMs))
  })
  return http
}

const stubOf = (name: NamedShard['name'], { SHARDS }: IngestBindings) =>
  SHARDS.get(SHARDS.idFromName(formatShardName(name)))

function answered(c: Context, answer: Backfill | NoBackfill): Response {
  if (!('refused' in answer)) return c.json(answer)
  return problemResponse({ status: 409, code: answer.refused, detail: `${answer.message}.` })
}

function pieceOf(text: string, view: string): BackfillPiece | undefined {
  const parsed = objectIn(text)
  const { after, cells } = parsed
  if ((after !== null && typeof after !== 'string') || !Array.isArray(cells)) return undefined
  const known: { key: string; state: Uint8Array }[] = []
  for (const cell of cells as readonly unknown[]) {
    const { key, state } = (cell ?? {}) as Readonly<Record<string, unknown>>
    const bytes = typeof state === 'string' ? fromBase64(state) : undefined
    if (typeof key !== 'string' || bytes === undefined) return undefined
    known.push({ key, state: bytes })
  }
  return { view, after, cells: known }
}

function numberIn(text: string, name: string): number | undefined {
  const value = objectIn(text)[name]
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed = JSON.parse(text) as unknown
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
