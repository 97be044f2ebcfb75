/** Which state of a row a change is: what decides between two that come in the wrong order, or twice. */
export interface RowVersion {
  /** Where in the database's log, or null where the source does not say. */
  readonly lsn: bigint | null
  /** Its place in its transaction; of a row that a snapshot read, -1: it comes before what happened at the same place. */
  readonly order: number
  /** Where it stood in a topic, or null. */
  readonly position: { readonly sequence: string; readonly incarnation: number; readonly offset: number } | null
}

/**
 * Whether a change is newer than what the table has of the row. Within a partition its order decides; across partitions, and
 * where there are none, the database's log, then the order within the transaction. Where neither can tell, what comes later is newer.
 */
export function isNewer(change: RowVersion, known: RowVersion): boolean {
  return compareVersions(change, known) !== 'older'
}

/** Which of two comes later; `unknown` where nothing can tell. What is the same version is no later: `older`. */
export function compareVersions(change: RowVersion, known: RowVersion): 'newer' | 'older' | 'unknown' {
  const [a, b] = [change.position, known.position]
  const sameTopic = a !== null && b !== null && a.sequence === b.sequence && a.incarnation === b.incarnation
  if (sameTopic) return a.offset > b.offset ? 'newer' : 'older'
  if (change.lsn === null || known.lsn === null) {
    // What stood in a topic that was deleted and made again is older than what the new one holds.
    if (a === null || b === null || a.sequence !== b.sequence) return 'unknown'
    return a.incarnation > b.incarnation ? 'newer' : 'older'
  }
  const isLater = change.lsn === known.lsn ? change.order > known.order : change.lsn > known.lsn
  return isLater ? 'newer' : 'older'
}
