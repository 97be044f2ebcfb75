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

/** Takes an object back: it ends, and its next call finds the state of then. */
export async function restoreTo(ctx: DurableObjectState, bookmark: string): Promise<Restored> {
  const undo = await ctx.storage.onNextSessionRestoreBookmark(bookmark)
  setTimeout(() => ctx.abort('restored to a point in time'), ABORT_AFTER_MS)
  return { undo }
}
