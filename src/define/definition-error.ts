/** What kind of mistake a definition has. Stable: tools may branch on it. */
export type DefinitionErrorCode =
  | 'bad_name'
  | 'bad_option'
  | 'bad_duration'
  | 'bad_key'
  | 'bad_value'
  | 'unsupported_schema'
  | 'unknown_field'
  | 'unknown_aggregate'
  | 'wrong_type'
  | 'missing_window'
  | 'too_many_tiles'
  | 'too_much_state'
  | 'unknown_time_zone'
  | 'not_retractable'
  | 'duplicate'
  | 'empty'

/**
 * A mistake in a definition, thrown when it is declared: `message` says what is wrong, where, and how to mend it;
 * `where` names the thing alone, such as `feature view user_stats, feature clicks_5m`.
 *
 * @example
 * try {
 *   await import('./features/index.ts')
 * } catch (error) {
 *   if (error instanceof DefinitionError) console.error(error.code, error.where, error.message)
 * }
 */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError'
  readonly code: DefinitionErrorCode
  readonly where: string

  constructor(code: DefinitionErrorCode, where: string, problem: string) {
    super(`${where}: ${problem}`)
    this.code = code
    this.where = where
  }
}
