/** About what parts of a state take, for the estimate of what a definition may come to. */

/** A value: a number, or a short text. */
export const VALUE_BYTES = 12
/** Time, part and commit of a row. */
export const KEY_BYTES = 12
/** A cell of a few numbers. */
export const NUMBERS_BYTES = 16
