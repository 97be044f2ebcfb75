/** What one region has forgotten, and the proof, for people. */
import type { Paint } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'
import type { ErasedRegion } from './region.ts'

export function regionText(
  { region, shards, log, unnamedDeleted, served, lettersDropped, proof, lettersLeft }: ErasedRegion,
  keep: readonly string[],
  { bold, good, warn, dim }: Paint,
): string {
  const lines = [bold(region)]
  const found = shards.reduce((sum, shard) => sum + shard.found, 0)
  lines.push(`  state        ${grouped(found)} keys forgotten, in ${grouped(shards.length)} shards`)
  if (log === null) lines.push('  log          the region keeps none')
  else {
    const blanked = log.rowsBlanked > 0 ? `, the key blanked in ${grouped(log.rowsBlanked)} rows of others` : ''
    lines.push(
      `  log          ${grouped(log.rowsDropped)} rows gone${blanked}; ${grouped(log.filesRewritten)} of ${grouped(log.filesRead)} files rewritten`,
    )
    if (log.fields.length > 0) lines.push(dim(`               null there now: ${log.fields.join(', ')}`))
    if (unnamedDeleted > 0) lines.push(`               ${grouped(unnamedDeleted)} files deleted that no manifest named`)
  }
  if (served !== null)
    lines.push(
      `  served       ${grouped(served.lines)} vectors gone, ${grouped(served.objectsRewritten)} objects rewritten`,
    )
  lines.push(
    `  dead letters ${grouped(lettersDropped)} dropped${lettersLeft > 0 ? warn(`, ${grouped(lettersLeft)} left`) : ''}`,
  )
  if (proof !== null) {
    const read = `${grouped(proof.files)} files of the log (${grouped(proof.unnamed)} that no manifest names), ${grouped(proof.rows)} rows, ${grouped(proof.served)} objects of served vectors, ${grouped(proof.lines)} lines`
    lines.push(`  proof        read ${read}:`)
    lines.push(
      `               ${proof.found === 0 ? good('0 found') : warn(`${grouped(proof.found)} found, in ${proof.foundIn.slice(0, 3).join(', ')}`)}`,
    )
    for (const [column, rows] of Object.entries(proof.elsewhere)) {
      const mend = keep.includes(column)
        ? 'kept, as you say by chance'
        : `--blank ${column.split('.').at(-1)} takes it away, --keep ${column} says that it is there by chance`
      lines.push(`               ${warn(`${column} has the value in ${grouped(rows)} rows`)}: ${mend}`)
    }
    for (const [column, rows] of Object.entries(proof.byChance))
      lines.push(
        dim(
          `               the number is in ${grouped(rows)} rows of ${column}, too: by chance, unless you know better`,
        ),
      )
    if (proof.since > 0)
      lines.push(
        dim(`               ${grouped(proof.since)} rows arrived since: run it again when none comes any more`),
      )
  }
  return lines.join('\n')
}
