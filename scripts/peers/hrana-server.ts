/**
 * A libSQL database over HTTP, as a process of its own.
 *
 * node scripts/peers/hrana-server.ts PORT FILE   with the token in LIBSQL_TOKEN, when one is wanted
 */
import { createServer, type IncomingMessage } from 'node:http'
import { HranaDatabase, type Pipeline } from './hrana.ts'

const [port, file = ''] = process.argv.slice(2)
const token = process.env.LIBSQL_TOKEN ?? ''
const database = new HranaDatabase(file)

type Answer = readonly [status: number, body: object | string]

createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const [status, body] = answer(request, Buffer.concat(chunks).toString('utf8'))
  const isText = typeof body === 'string'
  response
    .writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' })
    .end(isText ? body : JSON.stringify(body))
}).listen(Number(port), '127.0.0.1')

function answer({ method, url, headers }: IncomingMessage, body: string): Answer {
  // Version 2 in JSON is all that there is: a client that asks for more falls back to it.
  if (method === 'GET') return [url === '/v2' ? 200 : 404, '']
  if (url !== '/v2/pipeline') return [404, 'not found']
  if (token !== '' && headers.authorization !== `Bearer ${token}`)
    return [401, { message: 'Unauthorized: the token is missing or wrong', code: 'AUTH_HTTP_HEADER_MISSING' }]
  try {
    const result = database.serve(JSON.parse(body) as Pipeline)
    return result === undefined ? [400, { message: 'The stream has expired', code: 'STREAM_EXPIRED' }] : [200, result]
  } catch (error) {
    return [400, { message: String(error), code: 'PROTOCOL_ERROR' }]
  }
}

process.once('SIGTERM', () => {
  database.close()
  process.exit(0)
})
