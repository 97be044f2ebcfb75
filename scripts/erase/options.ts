/** What `npx tidemark erase` is asked for. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { root } from '../lib/paths.ts'
import { UsageError } from '../lib/usage-error.ts'

export interface Options {
  readonly entity: string
  /** By the names of the entity's keys, as texts. */
  readonly keys: Readonly<Record<string, string>>
  readonly at: readonly IngestAddress[]
  readonly definitions: string
  /** Fields that go besides in rows of others. */
  readonly blank: readonly string[]
  /** `source.field`s that have the value by chance. */
  readonly keep: readonly string[]
  /** Where the certificate goes; absent: named by the hash of the key. */
  readonly out: string | undefined
  readonly yes: boolean
  readonly json: boolean
  readonly memoryMb: number
}

const MEMORY_MB = 512

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const values = parsed(args)
  const { entity, key = [], token } = values
  if (entity === undefined || key.length === 0)
    throw new UsageError('who? npx tidemark erase --entity user --key user_id=u1. See npx tidemark erase --help.')
  const keys = Object.fromEntries(
    key.map((text) => {
      const at = text.indexOf('=')
      if (at <= 0) throw new UsageError(`--key takes NAME=VALUE, such as user_id=u1; got "${text}".`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
  const memory = /^\d{1,6}$/.test(values.memory ?? '') ? Number(values.memory) : MEMORY_MB
  return {
    entity,
    keys,
    at:
      values.url === undefined
        ? [ingestAddress({ token }, env)]
        : values.url.map((url) => ingestAddress({ url, token }, env)),
    definitions: values.definitions ?? join(root, 'features', 'index.ts'),
    blank: listed(values.blank),
    keep: listed(values.keep),
    out: values.out,
    yes: values.yes ?? false,
    json: values.json ?? false,
    memoryMb: memory,
  }
}

const listed = (texts: readonly string[] = []): string[] =>
  texts.flatMap((text) => text.split(',')).filter((name) => name !== '')

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const texts = { type: 'string', multiple: true } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ entity: text, key: texts, url: texts, token: text, definitions: text, blank: texts, keep: texts },
        ...{ out: text, yes: flag, json: flag, memory: text },
      },
    }).values
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark erase --help.`)
  }
}
