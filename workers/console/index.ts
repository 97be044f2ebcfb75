export default {
  async fetch(request: Request, env: ConsoleEnv): Promise<Response> {
    if (new URL(request.url).pathname === '/v1/health') return new Response('ok')
    return env.INFERENCE.fetch(request)
  },
}
