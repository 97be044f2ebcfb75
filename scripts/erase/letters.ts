/** Dead letters of a person: refused events that have the key in a field of the key. */
import type { LetterList } from '../../src/dead-letters/index.ts'
import type { Person } from '../../src/offline/node/index.ts'
import { type IngestClient, queryText } from '../lib/ingest-client.ts'

export interface Letter {
  readonly id: string
  readonly source: string
}

const PAGE = 1_000

/**
 * Letters whose payload has the key as the value of one of its fields. A payload that is no JSON, or of which only a part was kept, is the person's where the
 * key stands in it as a text.
 */
export async function lettersOf(client: IngestClient, { matches, keys }: Person): Promise<Letter[]> {
  const found: Letter[] = []
  for (const source of new Set(matches.map((match) => match.source))) {
    const own = matches.filter((match) => match.source === source)
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const query = queryText({ source, limit: String(PAGE), cursor })
      const page = await client.ask<LetterList & { readonly next?: number }>('GET', `/v1/dead-letters${query}`)
      for (const letter of page.letters) {
        const payload = letter.payload.length < letter.payloadUnits ? await wholeOf(client, letter) : letter.payload
        if (own.some(({ fields }) => isTheirs(payload, fields, keys[0]?.key ?? '')))
          found.push({ id: letter.id, source })
      }
      cursor = page.next === undefined ? undefined : String(page.next)
    }
  }
  return found
}

async function wholeOf(client: IngestClient, { id, source }: Letter): Promise<string> {
  const path = `/v1/dead-letters/${encodeURIComponent(id)}${queryText({ source })}`
  return (await client.ask<{ readonly payload: string }>('GET', path)).payload
}

function isTheirs(payload: string, fields: Person['matches'][number]['fields'], key: string): boolean {
  let parsed: unknown
  try {
    parsed = JSON.parse(payload)
  } catch {
    return payload.includes(JSON.stringify(key)) || payload.includes(JSON.stringify(JSON.stringify(key)).slice(1, -1))
  }
  return objectsIn(parsed).some((object) =>
    fields.every(({ name, text }) => Object.hasOwn(object, name) && String(object[name]) === text),
  )
}

/** An event, the rows of a change event (`before`, `after`), or what an envelope carries. */
function objectsIn(value: unknown): Readonly<Record<string, unknown>>[] {
  if (typeof value !== 'object' || value === null) return []
  const own = Array.isArray(value) ? [] : [value as Readonly<Record<string, unknown>>]
  return [...own, ...Object.values(value).flatMap(objectsIn)]
}

export async function dropLetters(client: IngestClient, letters: readonly Letter[]): Promise<number> {
  let dropped = 0
  for (const { id, source } of letters) {
    const path = `/v1/dead-letters/${encodeURIComponent(id)}${queryText({ source })}`
    // One that is gone already was dropped by a run that was broken off.
    dropped += await client.ask<{ readonly dropped: number }>('DELETE', path).then(
      (answer) => answer.dropped,
      (error: unknown) => {
        if (error instanceof Error && error.message.startsWith('404:')) return 0
        throw error
      },
    )
  }
  return dropped
}
