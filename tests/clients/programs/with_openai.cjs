// OpenAI's JavaScript library, at `/v1` of the address in OLLAMA_HOST.
const { OpenAI } = require('openai')
const { zodResponseFormat } = require('openai/helpers/zod')
const { z } = require('zod')
const { PICTURE, ADD, gathered, tell } = require('./telling.cjs')

// It tries again by itself; here each refusal is to be seen at once.
const client = new OpenAI({ baseURL: `${process.env.OLLAMA_HOST}/v1`, apiKey: 'ollama', maxRetries: 0 })
const MODEL = 'openai/gpt-4o-mini'
const THINKER = 'deepseek/deepseek-r1'
const EMBEDDING_MODEL = 'openai/text-embedding-3-small'
const CITY = z.object({ name: z.string(), population: z.number().int() })

const ask = (content, more = {}) =>
  client.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }], ...more })
const said = async (answer) => (await answer).choices[0].message.content

const steps = {
  async listed() {
    return (await gathered(client.models.list())).map((model) => model.id)
  },

  async retrieved() {
    const { id, object, owned_by } = await client.models.retrieve(MODEL)
    return [id, object, owned_by]
  },

  async plain() {
    const { choices, usage } = await ask('say it whole')
    return [choices[0].message.content, choices[0].finish_reason, usage.prompt_tokens, usage.completion_tokens]
  },

  async streamed() {
    const parts = await gathered(ask('say it in pieces', { stream: true }))
    const choices = parts.map((part) => part.choices[0])
    return [choices.map((choice) => choice.delta.content ?? ''), choices.map((choice) => choice.finish_reason)]
  },

  async streamed_with_usage() {
    const parts = await gathered(
      ask('say it in pieces and count', { stream: true, stream_options: { include_usage: true } }),
    )
    const { choices, usage } = parts.pop()
    return [parts.map((part) => part.choices[0].delta.content ?? '').join(''), choices, usage.total_tokens]
  },

  async tools() {
    const messages = [{ role: 'user', content: 'use the tool add' }]
    const { message } = (await client.chat.completions.create({ model: MODEL, messages, tools: [ADD] })).choices[0]
    const [call] = message.tool_calls
    const given = JSON.parse(call.function.arguments)
    messages.push(message, { role: 'tool', tool_call_id: call.id, content: `it is ${given.a + given.b}` })
    const second = client.chat.completions.create({ model: MODEL, messages, tools: [ADD] })
    return [call.function.name, given, await said(second)]
  },

  // The library's own loop: it calls the function, sends the result, and goes on until there is an answer.
  async tools_by_themselves() {
    const add = { ...ADD.function, parse: JSON.parse, function: ({ a, b }) => `it is ${a + b}` }
    const messages = [{ role: 'user', content: 'use the tool add by itself' }]
    const tools = [{ type: 'function', function: add }]
    return await client.chat.completions.runTools({ model: MODEL, messages, tools, stream: true }).finalContent()
  },

  async structured() {
    const messages = [{ role: 'user', content: 'name a city' }]
    const response_format = zodResponseFormat(CITY, 'city')
    return (await client.chat.completions.parse({ model: MODEL, messages, response_format })).choices[0].message.parsed
  },

  async picture() {
    const parts = [
      { type: 'text', text: 'look at it' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE}` } },
    ]
    return said(ask(parts, { model: 'openai/gpt-4o' }))
  },

  async thinking() {
    const parts = await gathered(ask('think first', { model: THINKER, reasoning_effort: 'high', stream: true }))
    const joined = (field) => parts.map((part) => part.choices[0].delta[field] ?? '').join('')
    return [joined('reasoning'), joined('content')]
  },

  async completion() {
    return (await client.completions.create({ model: MODEL, prompt: 'complete it' })).choices[0].text
  },

  async embedded() {
    const { data, usage } = await client.embeddings.create({ model: EMBEDDING_MODEL, input: ['one', 'two'] })
    const length = (vector) => vector.reduce((sum, value) => sum + value * value, 0)
    const vectors = data.map((row) => Array.from(row.embedding))
    const lengths = vectors.map((vector) => length(vector).toFixed(6))
    return [vectors.map((vector) => vector.length), lengths, usage.prompt_tokens]
  },

  async embedded_in_numbers() {
    const asked = { model: EMBEDDING_MODEL, input: 'one' }
    const [numbers, unpacked] = await Promise.all(
      [{ encoding_format: 'float' }, {}].map((more) => client.embeddings.create({ ...asked, ...more })),
    )
    const other = Array.from(unpacked.data[0].embedding)
    return Math.max(...numbers.data[0].embedding.map((value, place) => Math.abs(value - other[place])))
  },

  async unknown_model() {
    return said(ask('hello', { model: 'nope' }))
  },

  async unknown_model_in_a_stream() {
    return gathered(ask('hello', { model: 'nope', stream: true }))
  },

  async unknown_model_retrieved() {
    return (await client.models.retrieve('some/nope')).id
  },

  async unknown_embedding_model() {
    return (await client.embeddings.create({ model: 'nope', input: 'one' })).data
  },

  async no_credit() {
    return gathered(ask('#fault:status-402', { stream: true }))
  },

  async too_many() {
    return said(ask('#fault:status-429'))
  },

  async broken_off() {
    return gathered(ask('#fault:error-mid-stream', { stream: true }))
  },
}

tell(steps)
