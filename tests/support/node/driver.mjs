// Runs npm's `centrifuge` by orders on stdin, one JSON object a line; results and events on stdout.
// tests/support/sdk.py has the orders; tests/support/sdk_python.py does the same for Python's client.
import { createInterface } from 'node:readline'
import { Centrifuge, UnauthorizedError } from 'centrifuge'
import WebSocket from 'ws'

const clients = new Map()
const tell = value => process.stdout.write(JSON.stringify(value) + '\n')

// A script of answers to getToken: {token}, {error} or {unauthorized}. The last one is repeated.
// An answer waits until the time `at`, in epoch seconds.
function tokens (client, script, channel) {
  let next = 0
  return async () => {
    tell({ client, channel, event: 'token', context: { call: next + 1 } })
    const answer = script[Math.min(next++, script.length - 1)]
    if (answer.at) await new Promise(resolve => setTimeout(resolve, answer.at * 1000 - Date.now()))
    if (answer.unauthorized) throw new UnauthorizedError('not any more')
    if (answer.error) throw new Error(answer.error)
    return answer.token
  }
}

function follow (emitter, events, client, channel) {
  for (const event of events) {
    emitter.on(event, context => {
      if (context.error) context = { ...context, error: { ...context.error, text: `${context.error.message}` } }
      tell({ client, channel: channel ?? context.channel, event, context })
    })
  }
}

const CLIENT = ['connecting', 'connected', 'disconnected', 'message', 'error', 'subscribed', 'subscribing',
  'unsubscribed', 'publication', 'join', 'leave']
const SUBSCRIPTION = ['subscribing', 'subscribed', 'unsubscribed', 'publication', 'join', 'leave', 'error']

const orders = {
  create ({ client, url, script, ...options }) {
    if (script) options.getToken = tokens(client, script)
    const made = new Centrifuge(url, {
      websocket: WebSocket,
      minReconnectDelay: 50,
      maxReconnectDelay: 200,
      timeout: 1000 * (process.env.TEST_SECONDS ?? 30),
      ...options
    })
    clients.set(client, made)
    follow(made, CLIENT, client)
  },
  connect: ({ client }) => clients.get(client).connect(),
  disconnect: ({ client }) => clients.get(client).disconnect(),
  subscription ({ client, channel, script, join_leave: joinLeave, ...options }) {
    if (script) options.getToken = tokens(client, script, channel)
    const made = clients.get(client).newSubscription(channel,
      { minResubscribeDelay: 50, maxResubscribeDelay: 200, joinLeave, ...options })
    follow(made, SUBSCRIPTION, client, channel)
  },
  subscribe: ({ client, channel }) => clients.get(client).getSubscription(channel).subscribe(),
  unsubscribe: ({ client, channel }) => clients.get(client).getSubscription(channel).unsubscribe(),
  remove ({ client, channel }) {
    const found = clients.get(client)
    found.removeSubscription(found.getSubscription(channel))
  },
  publish: ({ client, channel, data }) => clients.get(client).publish(channel, data),
  presence: async ({ client, channel }) => (await clients.get(client).presence(channel)).clients,
  async presence_stats ({ client, channel }) {
    const found = await clients.get(client).presenceStats(channel)
    return { clients: found.numClients, users: found.numUsers }
  },
  history: ({ client, channel }) => clients.get(client).history(channel, { limit: 10 }),
  rpc: async ({ client, method, data }) => (await clients.get(client).rpc(method, data)).data,
  send: ({ client, data }) => clients.get(client).send(data),
  state: ({ client, channel }) => {
    const found = clients.get(client)
    return channel ? found.getSubscription(channel).state : found.state
  }
}

createInterface({ input: process.stdin }).on('line', async line => {
  const { number, order, ...fields } = JSON.parse(line)
  try {
    tell({ number, result: (await orders[order](fields)) ?? null })
  } catch (error) {
    tell({ number, error: { code: error.code ?? 0, message: error.message ?? String(error) } })
  }
}).on('close', () => process.exit())
