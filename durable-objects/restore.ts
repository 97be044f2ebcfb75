/** What was restored, and how to take that back. */
export interface Restored {
  /** The state as it was before: restoring to it undoes the restore. */
  readonly undo: string
}

/** The state of an object at a time, or why it has none. */
export type Bookmark = { readonly bookmark: string } | { readonly problem: string }

/** A stub of an object that can be taken back to a point in time. */
export interface RestorableStub {
  bookmarkAt(timeMs: number): Promise<Bookmark>
  restoreTo(bookmark: string): Promise<Restored>
  /**
   * Everything of the region has been restored: what was held goes on. `lineage`: a name of what it holds from now on, for those who have
   * copied what it held before. Throws while it is still the object of before.
   */
  restored(lineage: string): Promise<void>
}

/** A stub of an object that hands on to others by itself, and stops that while they are taken back. */
export interface HeldStub extends RestorableStub {
  /** Durable; resolves when nothing of it is under way any more. May be repeated. */
  hold(): Promise<void>
}

/** The answer leaves before the object ends. */
const ABORT_AFTER_MS = 100

/** Names an object's state at a time of the last 30 days, where the platform keeps it: workerd on one's own machine does not. */
export async function bookmarkAt(ctx: DurableObjectState, timeMs: number): Promise<Bookmark> {
  try {
    return { bookmark: await ctx.storage.getBookmarkForTime(timeMs) }
  } catch (cause) {
    return { problem: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** Objects that have been taken back and are about to end: what they write now is lost. */
const ending = new WeakSet<DurableObjectState>()

/** Takes an object back: it ends, and its next call finds the state of then. */
export async function restoreTo(ctx: DurableObjectState, bookmark: string): Promise<Restored> {
  const undo = await ctx.storage.onNextSessionRestoreBookmark(bookmark)
  ending.add(ctx)
  setTimeout(() => ctx.abort('restored to a point in time'), ABORT_AFTER_MS)
  return { undo }
}

/** Throws for an object that is about to end: whoever asks comes again. */
export function insistIsRestored(ctx: DurableObjectState): void {
  if (ending.has(ctx)) throw new Error(`${ctx.id.name} is being restored: ask again in a second`)
}
