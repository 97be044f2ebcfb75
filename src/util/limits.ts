/**
 * The longest text of one field of an event, in UTF-16 code units. An entity keeps its newest rows with their texts and
 * must fit one SQLite row of 2 MB: 128 rows of this length in two-byte text are 1 MB.
 */
export const MAX_TEXT_UNITS = 4096

/** The longest text of one event, in UTF-16 code units: taken in, it is part of a journal row, and a row holds 2 MB. */
export const MAX_EVENT_UNITS = 512 * 1024

/** The longest text of one key of an entity, in UTF-16 code units: keys also name rows in stores (KV allows 512 bytes). */
export const MAX_KEY_UNITS = 512

/** The most elements of one list of an event. */
export const MAX_LIST_ITEMS = 1_000

/** The texts of one list together, in UTF-16 code units: as much as four fields of text, for the reason of MAX_TEXT_UNITS. */
export const MAX_LIST_UNITS = 4 * MAX_TEXT_UNITS

/** The most numbers of a vector: 16 KiB, as much as the longest list of texts. */
export const MAX_VECTOR_LENGTH = 4_096

/** The most digits of a decimal, before and after the point together: what 128 bits hold, and other databases too. */
export const MAX_DECIMAL_DIGITS = 38

/** The most digits of a decimal after the point. */
export const MAX_DECIMAL_SCALE = 18
