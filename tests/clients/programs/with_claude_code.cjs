// Claude Code, headless, with the settings that `ollama launch claude` gives it. It asks `/v1/messages`.
const { spawnSync } = require('node:child_process')
const { mkdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { tell } = require('./telling.cjs')

const THINKER = 'qwen/qwen3-30b-a3b'
const FOLDER = join(process.env.HOME, 'folder')
const NOTE = join(FOLDER, 'note.txt')
mkdirSync(FOLDER)
writeFileSync(NOTE, 'the word in the file\n')

function settings(model) {
  return {
    ANTHROPIC_BASE_URL: process.env.OLLAMA_HOST,
    ANTHROPIC_API_KEY: '',
    ANTHROPIC_AUTH_TOKEN: 'ollama',
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    CLAUDE_CODE_SUBAGENT_MODEL: model,
    CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_FEEDBACK_COMMAND: '1',
    CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY: '1',
    // It tries again by itself; here each refusal is to be seen at once.
    CLAUDE_CODE_MAX_RETRIES: '0',
  }
}

function ask(question, { model = THINKER, more = [] } = {}) {
  // Which package holds the program for this machine is known to its launcher, as nothing ran when it was installed.
  const cli = require.resolve('@anthropic-ai/claude-code/cli-wrapper.cjs')
  const given = ['--model', model, '--print', question, '--output-format', 'json', ...more]
  const env = { ...process.env, ...settings(model) }
  const options = { cwd: FOLDER, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 }
  const { stdout, stderr } = spawnSync(process.execPath, [cli, ...given], options)
  if (!stdout) throw new Error(stderr)
  const { result, is_error, api_error_status, num_turns, usage, structured_output } = JSON.parse(stdout)
  const counts = [usage.input_tokens, usage.output_tokens]
  return { result, is_error, status: api_error_status, turns: num_turns, counts, structured: structured_output }
}

const READ = `#call:Read ${JSON.stringify({ file_path: NOTE })}`
const NO_TOOLS = ['--tools', '']
const CITY = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }

tell({
  plain: () => ask('say hello', { model: 'openai/gpt-4o-mini', more: NO_TOOLS }),
  tool: () => ask(READ),
  tool_by_claude: () => ask(READ, { model: 'anthropic/claude-sonnet-4' }),
  structured: () => ask('name a city', { more: [...NO_TOOLS, '--json-schema', JSON.stringify(CITY)] }),
  unknown_model: () => ask('hello', { model: 'nope', more: NO_TOOLS }),
  no_credit: () => ask('#fault:status-402', { more: NO_TOOLS }),
  broken_off: () => ask('#fault:error-mid-stream', { more: NO_TOOLS }),
})
