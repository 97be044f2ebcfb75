/**
 * Days in minutes: everything comes in through the real doors, in the order of its arrival, and each question is asked between the
 * events that came before it and those that came after. Only the clock runs faster, so what a vector had seen is told by the
 * commits of its answer, and not by the time at which events were accepted.
 */
import type { LocalExample } from '../lib/local.ts'
import type { Label } from '../lib/loop.ts'
import type { Arrival, Question } from './generate.ts'

/** Senders of a shop send what they have every few minutes, and the shop asks about all that waits. */
const TICK_MS = 5 * 60_000
const SOURCES = ['product_catalog', 'orders', 'user_activity', 'payments'] as const

export interface Replayed {
  readonly counts: Readonly<Record<string, number>>
  /** Questions with what was answered; their time is when they were asked. */
  readonly asked: readonly (Question & Label)[]
}

export async function replay(
  local: LocalExample,
  arrivals: readonly Arrival[],
  questions: readonly Question[],
): Promise<Replayed> {
  const counts = { accepted: 0, sentTwice: 0, questions: questions.length }
  const asked: (Question & Label)[] = []
  const ticks = new Set([...arrivals, ...questions].map(({ atMs }) => Math.floor(atMs / TICK_MS)))
  const arriving = Map.groupBy(arrivals, ({ atMs }) => Math.floor(atMs / TICK_MS))
  const asking = Map.groupBy(questions, ({ atMs }) => Math.floor(atMs / TICK_MS))
  for (const tick of [...ticks].sort((a, b) => a - b)) {
    for (const [model, own] of Map.groupBy(asking.get(tick) ?? [], (question) => question.model)) {
      const at = tick * TICK_MS
      const predictions = await local.predict(model, { at, rows: own.map(({ row }) => row) })
      for (const [i, question] of own.entries()) {
        const served = predictions[i]
        if (served !== undefined) asked.push({ ...question, atMs: at, served })
      }
    }
    for (const source of SOURCES) {
      const bodies = (arriving.get(tick) ?? []).filter((one) => one.source === source).map(({ body }) => body)
      if (bodies.length === 0) continue
      const { accepted, duplicates } = await local.send(source, bodies)
      counts.accepted += accepted
      counts.sentTwice += duplicates
    }
  }
  return { counts, asked }
}
