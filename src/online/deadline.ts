/**
 * What was promised, or an Error when it takes longer. For calls that take no AbortSignal, and beside one where it is not
 * heeded. The call itself goes on, and what becomes of it is not told.
 */
export async function within<T>(ms: number, promised: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  try {
    return await Promise.race([promised, late])
  } finally {
    clearTimeout(timer)
  }
}
