import type { LoggedRow } from '../offline/index.ts'
import type { HeldLog } from '../offline/training/index.ts'
import type { Shard } from '../shard/index.ts'

/** Takes all that waits at once. */
const EVERYTHING = Number.MAX_SAFE_INTEGER

/** The log of one shard in memory: what it accepted, taken out of its journal when somebody asks. */
export class LocalLog {
  private readonly shard: Shard
  private readonly rows = new Map<
    number,
    { readonly source: HeldLog['rows'][number]['source']; readonly rows: LoggedRow[] }
  >()
  private seq = 0

  constructor(shard: Shard) {
    this.shard = shard
  }

  /** Everything that was accepted up to now. `name`: whose log it is. */
  held(name: HeldLog['part']['shard']): HeldLog {
    const feed = this.shard.log
    if (feed === null) throw new Error('a shard of a local store without a log')
    for (let span = feed.next(EVERYTHING); span !== undefined; span = feed.next(EVERYTHING)) {
      for (let row = span.fromRow; row < span.toRow; row++) {
        for (const { contract, source, rows } of feed.rows(row)) {
          const known = this.rows.get(contract) ?? { source, rows: [] }
          this.rows.set(contract, known)
          for (const one of rows) known.rows.push(one)
        }
      }
      this.seq = Math.max(this.seq, span.toSeq)
      feed.done(span)
    }
    const { bornMs, since } = this.shard.history
    const part = { shard: name, bornMs, previous: null, fromSeq: 1, seq: this.seq, since }
    return { part, rows: [...this.rows.values()] }
  }
}
