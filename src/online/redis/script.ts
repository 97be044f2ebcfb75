/**
 * Compare-and-set of several copies: each text is set unless what is there has its version or a greater one. Only the 44 digits
 * of a version and the `{` after them are read, and compared as texts. Answers one text for each key: `stored`, `older`, or
 * what stands in the way.
 */
const BODY = `
local outcomes = {}
for i, key in ipairs(KEYS) do
  local known = redis.pcall('GETRANGE', key, 0, 44)
  if type(known) == 'table' then
    outcomes[i] = known.err
  elseif known == '' and redis.call('EXISTS', key) == 0 then
    redis.call('SET', key, ARGV[i])
    outcomes[i] = 'stored'
  elseif #known ~= 45 or string.match(known, '^[0-9a-f]+{$') == nil then
    outcomes[i] = 'FOREIGN'
  elseif string.sub(known, 1, 44) < string.sub(ARGV[i], 1, 44) then
    redis.call('SET', key, ARGV[i])
    outcomes[i] = 'stored'
  else
    outcomes[i] = 'older'
  end
end
return outcomes
`.trim()

/** A script and the digest that calls it. */
export interface Script {
  readonly text: string
  /** SHA-1 in hexadecimal digits. */
  sha(): Promise<string>
}

function script(text: string): Script {
  let known: string | undefined
  return {
    text,
    async sha() {
      if (known === undefined) {
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text)))
        known = [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('')
      }
      return known
    },
  }
}

/**
 * Upstash locks the whole database for a script, unless its first line says that it keeps to its keys. Redis itself refuses that
 * line (7.0: an unknown flag; before: a syntax error), so whichever it is, is found out by asking.
 */
export const KEY_LOCKING = script(`#!lua flags=allow-key-locking\n${BODY}`)
export const PLAIN = script(BODY)

/** Whether an error says that the first line of {@link KEY_LOCKING} is not understood. */
export const refusesKeyLocking = (error: string): boolean => /shebang|allow-key-locking|compiling script/i.test(error)
