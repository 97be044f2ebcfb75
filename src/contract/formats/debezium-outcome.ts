import { isRefusal, type Refusal, refusal, shown } from '../refusal.ts'
import type { ChangeFacts, Row, RowWriter } from './debezium-row.ts'
import type { ChangeOp, Decoded } from './format.ts'

/** A message about a row, however it was encoded. The images are read when they are wanted. */
export interface RowMessage {
  /** Undefined where an unwrapped row does not tell. */
  readonly op: string | undefined
  readonly facts: Omit<ChangeFacts, 'op'>
  /** The row is the other half of a change of its primary key: a delete of the old one came before. */
  readonly isKeyChange: boolean
  before(): Row | Refusal | undefined
  after(): Row | Refusal | undefined
}

const NOT_INSERT: Decoded = { kind: 'skipped', why: 'not_insert' }

/**
 * What a message is to a source. To a stream, rows that were created (`c`) or read by a snapshot (`r`) are events, and
 * nothing else is: not even the `c` that a change of a primary key ends with, for its row was an event before. To a table every change counts; an unwrapped row that does not tell is an update, which over a table
 * creates what is not there.
 */
export function outcomeOf(message: RowMessage, writer: RowWriter, isTable: boolean): Decoded {
  const { op } = message
  switch (op) {
    case 'c':
    case 'r':
      if (isTable) return ofRow(message, writer, op)
      return message.isKeyChange ? NOT_INSERT : event(message, writer)
    case 'u':
      return isTable ? ofRow(message, writer, op) : NOT_INSERT
    case 'd':
      return isTable ? ofDelete(message, writer) : NOT_INSERT
    case 't':
      return isTable ? writer.change(undefined, { ...message.facts, op }) : NOT_INSERT
    case 'm':
      return { kind: 'skipped', why: 'message' }
    case undefined:
      return isTable ? ofRow(message, writer, 'u') : refused(`${unwrapped} ${mendUnwrapped}`)
    default:
      return refused(`The op of the envelope is ${shown(op)}; expected c, u, r, d, t or m.`)
  }
}

const unwrapped = 'The row does not say whether it was inserted or changed.'
const mendUnwrapped = 'Have ExtractNewRecordState add it (add.fields=op), or send the envelopes themselves.'

function event(message: RowMessage, writer: RowWriter): Decoded {
  const row = message.after()
  if (row === undefined) return noImage(message.op)
  return isRefusal(row) ? { kind: 'refused', why: row } : writer.event(row)
}

function ofRow(message: RowMessage, writer: RowWriter, op: ChangeOp): Decoded {
  const row = message.after()
  if (row === undefined) return noImage(op)
  return isRefusal(row) ? { kind: 'refused', why: row } : writer.change(row, { ...message.facts, op })
}

function ofDelete(message: RowMessage, writer: RowWriter): Decoded {
  const row = message.before()
  if (row === undefined) {
    return refused('The delete has neither a row before nor a key: give the table a primary key or a REPLICA IDENTITY.')
  }
  return isRefusal(row) ? { kind: 'refused', why: row } : writer.change(row, { ...message.facts, op: 'd' })
}

function noImage(op: string | undefined): Decoded {
  return refused(`The envelope has op ${op} but its "after" is no row.`)
}

function refused(message: string): Decoded {
  return { kind: 'refused', why: refusal('bad_envelope', message) }
}
