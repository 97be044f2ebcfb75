/**
 * The longest text of one field of an event, in UTF-16 code units. An entity keeps its newest rows with their texts and
 * must fit one SQLite row of 2 MB: 128 rows of this length in two-byte text are 1 MB.
 */
export const MAX_TEXT_UNITS = 4096

/** The longest text of one key of an entity, in UTF-16 code units: keys also name rows in stores (KV allows 512 bytes). */
export const MAX_KEY_UNITS = 512
