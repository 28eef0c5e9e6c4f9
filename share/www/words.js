// What is told: times, durations, counts, and commands for a shell.

// How far the server's clock is ahead of this one, in ms.
let ahead = 0

// Reads the clock of an answer, when it has one. It is told to the second, so
// less than two are no difference.
export function readClock(date) {
	const server = Date.parse(date ?? '')
	if (!Number.isNaN(server))
		ahead = Math.abs(server - Date.now()) < 2000
			? 0 : server - Date.now()
}

export function now() {
	return Date.now() + ahead
}

// "6 s", "14 min", "3 h", "2 d"; less than nothing is nothing.
export function duration(ms) {
	const seconds = Math.floor(Math.max(0, ms) / 1000)
	if (seconds < 120)
		return `${seconds} s`
	if (seconds < 120 * 60)
		return `${Math.floor(seconds / 60)} min`
	if (seconds < 48 * 3600)
		return `${Math.floor(seconds / 3600)} h`
	return `${Math.floor(seconds / 86400)} d`
}

// The same of what is short: "12 ms", "1.25 s".
export function span(ms) {
	if (!(ms > 0))
		return '0 ms'
	if (ms < 1)
		return '<1 ms'
	if (ms < 1000)
		return `${Math.round(ms)} ms`
	return ms < 10000 ? `${(ms / 1000).toFixed(2)} s` : duration(ms)
}

export function ago(ms) {
	return `${duration(now() - ms)} ago`
}

const two = n => String(n).padStart(2, '0')

// By the clock of this place, to the second.
export function clock(ms) {
	const t = new Date(ms)
	return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ` +
		`${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`
}

// The instant of a time in RFC 3339, or NaN.
export function instant(text) {
	return text === '' ? NaN : Date.parse(text)
}

export function count(n, one, many = `${one}s`) {
	return `${n} ${n === 1 ? one : many}`
}

// A text with a capital letter and a full stop.
export function sentence(text) {
	return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

// Long ids are told apart by their end.
export function shortId(id) {
	return id.length > 16 ? `…${id.slice(-12)}` : id
}

// Text from outside with what steers a terminal or turns the direction of
// writing made visible; line breaks and tabs stay.
export function visible(text) {
	return text.replace(
		/[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
		c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
}

// The same without the colours of a terminal, for the output of handlers.
export function plain(text) {
	return visible(text.replace(/\x1b\[[0-9;:]*m/g, '')
		.replace(/\r\n/g, '\n'))
}

// A word of a shell, in quotes where it needs them.
export function quote(text) {
	if (/^[A-Za-z0-9_@%+=:,.\/][A-Za-z0-9_@%+=:,.\/-]*$/.test(text))
		return text
	return `'${text.replaceAll("'", "'\\''")}'`
}

// Members that are the store's, and so no part of what is pushed.
const STORED = new Set(['id', 'run_at', 'attempt', 'state', 'pushed_at',
	'held', 'ended', 'rescues', 'why', 'lease'])

// Members that jobq-push has options for, and what it takes for them.
const OPTIONS = [['name', '--name', 'default'], ['queue', '--queue', 'default'],
	['key', '--key'], ['flow', '--flow'], ['priority', '--priority', '0'],
	['max_attempts', '--max-attempts', '5'], ['timeout', '--timeout']]

// The command that pushes such a job again. Values are as they were written;
// what there is no option for is pushed as a line.
export function pushCommand(job) {
	const own = [...job.members].filter(([name, raw]) =>
		!STORED.has(name) && (raw !== 'null' || name === 'input'))
	const known = new Set([...OPTIONS.map(o => o[0]), 'input'])
	if (own.some(([name]) => !known.has(name))) {
		const line = own.map(([name, raw]) =>
			`${JSON.stringify(name)}:${raw}`).join(',')
		return `printf '%s\\n' ${quote(`{${line}}`)} | jobq-push`
	}
	let command = 'jobq-push'
	for (const [name, option, usual] of OPTIONS) {
		const value = job.words(name)
		if (value !== '' && value !== usual)
			command += ` ${option} ${quote(value)}`
	}
	if (job.members.has('input'))
		command += ` --input ${quote(job.members.get('input'))}`
	else if (job.words('name') === 'default')
		command += ' --name default'
	return command
}

export function curlCommand(origin, verb, request, token) {
	const secret = token ? ' -H "Authorization: Bearer $TOKEN"' : ''
	return `curl -s ${quote(`${origin}v1/${verb}`)} ` +
		`-H 'Content-Type: application/json'${secret} ` +
		`-d ${quote(JSON.stringify(request))}`
}
