// What the page does with texts, without a browser. The argument is a folder of
// its modules.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'

const www = process.argv[2]
const { Line, layOut, members, words } = await import(`${www}/json.js`)
const { ago, count, duration, plain, pushCommand, quote, readClock, shortId,
	span, visible } = await import(`${www}/words.js`)

// All modules are read and find what they import; then one asks for a browser.
await assert.rejects(import(`${www}/page.js`), ReferenceError)

// JSON comes out as it went in, but for white space between tokens.
const exact = ['{"a":9007199254740993,"b":[1.10,1e400,-0,{}],"c":{"d":null}}',
	'[]', '"a \\" b\\\\"', '-1', 'true', '[[[["\\u0000{[,:"]]]]',
	'{"":{"\\"}":[]}}', `[${'9'.repeat(9000)}.0,1]`]
for (const text of exact)
	assert.equal([...layOut(text)].map(([kind, part]) => kind === 'plain'
		? part.replace(/\s/g, '') : part).join(''), text)
assert.equal([...layOut('{"a":[1,{"b":"c"}]}')].map(([, part]) => part).join(''),
	'{\n  "a": [\n    1,\n    {\n      "b": "c"\n    }\n  ]\n}')
assert.deepEqual([...layOut('{"a":"b"}')].map(([kind]) => kind),
	['plain', 'key', 'plain', 'string', 'plain'])

// Members stand where they are, the first of a name counts.
assert.deepEqual([...members(' { "a\\u0062" : [1, "]"] , "n":1e400,"ab":2 } ')],
	[['ab', '[1, "]"]'], ['n', '1e400']])
for (const bad of ['', '[]', '{', '{"a"}', '{"a":1', '{a:1}', '{"\\x":1}'])
	assert.equal(members(bad), null)
const line = new Line('{"id":"x","n":9007199254740993,"z":null,"h":{"w":1}}')
assert.equal(line.words('n'), '9007199254740993')
assert.equal(line.words('z') + line.words('nothing'), '')
assert.equal(line.inner('h').number('w'), 1)
assert(Number.isNaN(line.number('id')))
assert.equal(words('"a\\nb"'), 'a\nb')
assert.equal(new Line('no json').words('id'), '')
assert.equal(members(`{"n":${'9'.repeat(9000)} ,"b":1}`).get('n').length, 9000)
const long = '"\\"' + 'x\\\\'.repeat(1 << 19) + '"'
assert.equal(members(`{"a":${long},"b":1}`).get('a'), long)

// No duration is negative, whatever the clocks say.
assert.equal(duration(-5000), '0 s')
assert.equal(span(-1), '0 ms')
assert.equal(ago(Date.now() + 60000), '0 s ago')
assert.deepEqual([119999, 120000, 7200000, 172800000].map(duration),
	['119 s', '2 min', '2 h', '2 d'])
readClock(new Date(Date.now() + 3600000).toUTCString())
assert.match(ago(Date.now()), /^(59|60) min ago$/)
readClock('nonsense')
readClock(null)

assert.equal(count(1, 'job') + count(2, 'job'), '1 job2 jobs')
assert.equal(shortId('0123456789abcdefg'), '…56789abcdefg')
assert.equal(visible('a\u202eb\x1b[1m\tc\n'), 'a\\u202eb\\u001b[1m\tc\n')
assert.equal(plain('\x1b[1;31mred\x1b[0m\r\n'), 'red\n')

// A shell gets each word as it is.
for (const text of ['', 'plain', '-n', 'it\'s', '$(id)', '`id`', 'a b\n\tc', '"',
	'\\', '!!', '*', '~', '{a,b}', '#', '\'\'\'', 'é\u202e', '--', 'a;b&c|d<e>'])
	assert.equal(execFileSync('sh', ['-c', `printf %s. ${quote(text)}`],
		{ encoding: 'utf8' }), `${text}.`)

const pushes = [
	['{"id":"1","name":"n","queue":"default","input":{"a":1.10},' +
		'"priority":0,"max_attempts":5,"attempt":1,"state":"failed"}',
	'jobq-push --name n --input \'{"a":1.10}\''],
	['{"name":"n","queue":"it\'s","priority":-3,"timeout":1.50,"input":null}',
		'jobq-push --name n --queue \'it\'\\\'\'s\' --priority \'-3\' ' +
		'--timeout 1.50 --input null'],
	['{"id":"1","name":"default"}', 'jobq-push --name default'],
	['{"id":"1","name":"n","meta":{"x":9007199254740993},"held":{}}',
		'printf \'%s\\n\' \'{"name":"n","meta":{"x":9007199254740993}}\' ' +
		'| jobq-push'],
]
for (const [text, command] of pushes)
	assert.equal(pushCommand(new Line(text)), command)
