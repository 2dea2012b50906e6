// What the programs in JavaScript share: their picture and schema, and how they print what their library returned.
// CommonJS, because only `require` looks for libraries in NODE_PATH.

// One white point.
const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC'
const CITY = {
  type: 'object',
  properties: { name: { type: 'string' }, population: { type: 'integer' } },
  required: ['name', 'population'],
}
const ADD = {
  type: 'function',
  function: {
    name: 'add',
    description: 'Add two numbers',
    parameters: {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      required: ['a', 'b'],
    },
  },
}

async function gathered(stream) {
  const parts = []
  for await (const part of await stream) parts.push(part)
  return parts
}

// Run the steps in their order and print what each returned, as one JSON document; a step that throws is told by the
// error's name, text and status, where it has one.
async function tell(steps) {
  // Some libraries print: what they say belongs beside the document, not into it.
  console.log = console.error
  const told = {}
  for (const [name, step] of Object.entries(steps)) {
    try {
      told[name] = await step()
    } catch (error) {
      const status = error.status_code ?? error.status ?? error.statusCode ?? null
      told[name] = { raised: error.constructor.name, text: error.message, status }
    }
  }
  process.stdout.write(JSON.stringify(told))
}

module.exports = { PICTURE, CITY, ADD, gathered, tell }
