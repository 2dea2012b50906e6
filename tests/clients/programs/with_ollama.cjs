// Ollama's JavaScript library, at the address in OLLAMA_HOST; prints what it returned as one JSON document.
const { Ollama } = require('ollama')
const { PICTURE, CITY, ADD, gathered, tell } = require('./telling.cjs')

const client = new Ollama({ host: process.env.OLLAMA_HOST })
const MODEL = 'openai/gpt-4o-mini'
const EMBEDDING_MODEL = 'openai/text-embedding-3-small'

const ask = (content, more = {}) => client.chat({ model: MODEL, messages: [{ role: 'user', content }], ...more })

const steps = {
  async listed() {
    return (await client.list()).models.map((model) => model.model).sort()
  },

  async shown() {
    const { capabilities, details } = await client.show({ model: 'openai/gpt-4o' })
    return [capabilities, details.family]
  },

  async version() {
    return (await client.version()).version
  },

  async plain() {
    const answer = await ask('say it whole')
    return [answer.message.content, answer.done_reason, answer.prompt_eval_count, answer.eval_count]
  },

  async streamed() {
    const parts = await gathered(ask('say it in pieces', { stream: true }))
    return [parts.map((part) => part.message.content), parts.map((part) => part.done)]
  },

  async options() {
    const options = { temperature: 0.5, num_predict: 5, num_ctx: 8000, stop: ['STOP'], mirostat: 1, seed: 7 }
    return (await ask('mind the options', { options, keep_alive: '5m' })).message.content
  },

  async tools() {
    const messages = [{ role: 'user', content: 'use the tool add' }]
    const first = (await client.chat({ model: MODEL, messages, tools: [ADD] })).message
    const { name, arguments: given } = first.tool_calls[0].function
    messages.push(first, { role: 'tool', tool_name: name, content: `it is ${given.a + given.b}` })
    return [name, given, (await client.chat({ model: MODEL, messages, tools: [ADD] })).message.content]
  },

  async structured() {
    return JSON.parse((await ask('name a city', { format: CITY })).message.content)
  },

  async picture_in_text() {
    const messages = [{ role: 'user', content: 'look at it', images: [PICTURE] }]
    return (await client.chat({ model: 'openai/gpt-4o', messages })).message.content
  },

  async picture_in_bytes() {
    const messages = [{ role: 'user', content: 'look at the bytes', images: [Buffer.from(PICTURE, 'base64')] }]
    return (await client.chat({ model: 'openai/gpt-4o', messages })).message.content
  },

  async thinking() {
    const parts = await gathered(ask('think first', { model: 'deepseek/deepseek-r1', think: true, stream: true }))
    const joined = (field) => parts.map((part) => part.message[field] ?? '').join('')
    return [joined('thinking'), joined('content')]
  },

  async logprobs() {
    const [first] = (await ask('say how sure', { logprobs: true, top_logprobs: 2 })).logprobs
    return [first.token, first.top_logprobs.length]
  },

  async completion() {
    const answer = await client.generate({ model: MODEL, prompt: 'complete it', system: 'be brief' })
    const more = await client.generate({ model: MODEL, prompt: 'complete it further', context: answer.context })
    return [answer.response, answer.done_reason, answer.prompt_eval_count, answer.eval_count, more.response]
  },

  async completion_streamed() {
    const parts = await gathered(client.generate({ model: MODEL, prompt: 'complete it in pieces', stream: true }))
    return [parts.map((part) => part.response), parts.map((part) => part.done)]
  },

  async loaded() {
    const { response, done_reason } = await client.generate({ model: MODEL, prompt: '' })
    return [response, done_reason, (await client.ps()).models.map((model) => model.model).includes(MODEL)]
  },

  async embedded() {
    const { embeddings } = await client.embed({ model: EMBEDDING_MODEL, input: ['one', 'two'] })
    const length = (vector) => vector.reduce((sum, value) => sum + value * value, 0)
    return [embeddings.map((vector) => vector.length), embeddings.map((vector) => length(vector).toFixed(6))]
  },

  async embedded_the_old_way() {
    return (await client.embeddings({ model: EMBEDDING_MODEL, prompt: 'one' })).embedding.length
  },

  async copied() {
    await client.copy({ source: MODEL, destination: 'copied' })
    return (await ask('who is copied', { model: 'copied' })).message.content
  },

  async created() {
    const progress = await client.create({ model: 'created', from: MODEL, system: 'be brief' })
    return [progress.status, (await ask('who is created', { model: 'created' })).message.content]
  },

  async deleted() {
    const { status } = await client.delete({ model: 'copied' })
    return [status, (await client.list()).models.map((model) => model.model).filter((name) => name.startsWith('copied'))]
  },

  async pulled() {
    const parts = await gathered(client.pull({ model: MODEL, stream: true }))
    return [parts[0].status, parts[parts.length - 1].status]
  },

  async pulled_unknown() {
    return gathered(client.pull({ model: 'nope', stream: true }))
  },

  async unknown_model() {
    return (await ask('hello', { model: 'nope' })).message.content
  },

  async unknown_model_in_a_stream() {
    return gathered(ask('hello', { model: 'nope', stream: true }))
  },

  async unknown_embedding_model() {
    return (await client.embed({ model: 'nope', input: 'one' })).embeddings.length
  },

  async no_credit() {
    return gathered(ask('#fault:status-402', { stream: true }))
  },

  async too_many() {
    return (await ask('#fault:status-429')).message.content
  },

  async broken_off() {
    return gathered(ask('#fault:error-mid-stream', { stream: true }))
  },
}

tell(steps)
