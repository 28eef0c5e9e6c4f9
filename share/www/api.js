// Questions to the server: the verbs of a store, what the server is, and the
// events of a job as they happen.

import { Line } from './json.js'
import { askSecret } from './dom.js'
import { readClock } from './words.js'

export const base = new URL('.', location.href)

// What the server refused, or that it did not answer; code is its stable word.
export class Failure extends Error {
	constructor(text, status = 0, code = '') {
		super(text)
		this.status = status
		this.code = code
	}
}

let asking = null // one question for the token at a time

function token() {
	try {
		return sessionStorage.getItem('jobq-token')
	} catch {
		return null
	}
}

export function hasToken() {
	return token() !== null
}

async function needToken() {
	asking ??= (async () => {
		const wrong = hasToken()
		const given = await askSecret('This server asks for a token',
			(wrong ? 'The token was not accepted. ' : '') +
			'It stands in the file that jobq-serve was given with ' +
			'--token-file. This tab keeps it until it is closed.')
		if (given !== null)
			sessionStorage.setItem('jobq-token', given)
		return given !== null
	})()
	const given = await asking
	asking = null
	return given
}

async function failureOf(response) {
	let line = new Line('')
	try {
		line = new Line(await response.text())
	} catch {
		// What was cut off has no details.
	}
	return new Failure(line.words('detail') || line.words('title') ||
		`the server answered ${response.status}`, response.status,
	line.words('code'))
}

async function request(path, options = {}) {
	for (;;) {
		const headers = { ...options.headers }
		const secret = token()
		if (secret !== null)
			headers.Authorization = `Bearer ${secret}`
		let response
		try {
			response = await fetch(new URL(path, base),
				{ ...options, headers, cache: 'no-store' })
		} catch (error) {
			if (error.name === 'AbortError')
				throw error
			throw new Failure('the server does not answer')
		}
		readClock(response.headers.get('Date'))
		if (response.ok)
			return response
		const failure = await failureOf(response)
		// Another question may have brought the token meanwhile.
		if (response.status !== 401 ||
		    (token() === secret && !await needToken()))
			throw failure
	}
}

export async function info() {
	return new Line(await (await request('v1/info')).text())
}

// Asks a verb; the answer is { lines, after, more }: after is the JSON text of
// the cursor, or undefined when nothing follows.
export async function ask(verb, members, after, name = 'after') {
	let body = JSON.stringify(members)
	if (after !== undefined)
		body = `${body.slice(0, -1)}${body === '{}' ? '' : ','}` +
			`"${name}":${after}}`
	const response = await request(`v1/${verb}`, { method: 'POST', body,
		headers: { 'Content-Type': 'application/json' } })
	const lines = (await response.text()).split('\n')
		.filter(text => text !== '').map(text => new Line(text))
	const last = lines[lines.length - 1]
	if (last?.words('event') !== 'page')
		return { lines, more: false }
	lines.pop()
	return { lines, after: last.raw('after'),
		more: last.words('more') !== 'false' }
}

// Reads the events of a job behind since, replay and live, until the server
// ends them: take(line, seq), seq being the text of its cursor.
export async function follow(id, since, take, signal) {
	const response = await request(
		`tasks/${encodeURIComponent(id)}/events?format=json&since=${since}`,
		{ signal, headers: { Accept: 'text/event-stream' } })
	const reader = response.body.pipeThrough(new TextDecoderStream())
		.getReader()
	let rest = ''
	let data = []
	let seq = ''
	for (;;) {
		const { value, done } = await reader.read()
		if (done)
			return
		const lines = (rest + value).split('\n')
		rest = lines.pop()
		for (const raw of lines) {
			const text = raw.replace(/\r$/, '')
			if (text.startsWith('data:'))
				data.push(text.slice(text[5] === ' ' ? 6 : 5))
			else if (text.startsWith('id:'))
				seq = text.slice(3).trim()
			else if (text === '' && data.length > 0) {
				take(new Line(data.join('\n')), seq)
				data = []
			}
		}
	}
}
