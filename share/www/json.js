// JSON as text. What users wrote is never parsed and written anew, because a
// number such as 9007199254740993, 1.10 or 1e400 would come out as another
// one: members are found where they stand, and shown as they stand.

function skipSpace(text, at) {
	while (at < text.length && ' \t\n\r'.includes(text[at]))
		at++
	return at
}

// Behind the string that begins at at.
function stringEnd(text, at) {
	let end = at
	for (;;) {
		end = text.indexOf('"', end + 1)
		if (end < 0)
			return text.length
		let slashes = 0
		while (text[end - 1 - slashes] === '\\')
			slashes++
		if (slashes % 2 === 0)
			return end + 1
	}
}

// Behind the number or word that begins at at.
function scalarEnd(text, at) {
	const end = /[\s,:\]}]/g
	end.lastIndex = at
	return end.exec(text)?.index ?? text.length
}

// Behind the value that begins at at.
function valueEnd(text, at) {
	let depth = 0
	do {
		const c = text[at]
		if (c === '"') {
			at = stringEnd(text, at)
			continue
		}
		if (c === '{' || c === '[')
			depth++
		else if (c === '}' || c === ']')
			depth--
		else if (depth === 0)
			return scalarEnd(text, at)
		at++
	} while (depth > 0 && at < text.length)
	return at
}

// The members of an object as a Map of names to JSON texts, the first of each
// name; null for what is no object.
export function members(text) {
	const found = new Map()
	let at = skipSpace(text, 0)
	if (text[at] !== '{')
		return null
	at = skipSpace(text, at + 1)
	while (text[at] === '"') {
		let end = stringEnd(text, at)
		const name = decode(text.slice(at, end))
		at = skipSpace(text, end)
		if (name === undefined || text[at] !== ':')
			return null
		at = skipSpace(text, at + 1)
		end = valueEnd(text, at)
		if (!found.has(name))
			found.set(name, text.slice(at, end))
		at = skipSpace(text, end)
		if (text[at] !== ',')
			break
		at = skipSpace(text, at + 1)
	}
	return text[at] === '}' ? found : null
}

function decode(raw) {
	try {
		return JSON.parse(raw)
	} catch {
		return undefined
	}
}

// A value as people read it: a string without its quotes, anything else as
// its JSON text. Absent and null are empty.
export function words(raw) {
	if (raw === undefined || raw === 'null')
		return ''
	if (raw[0] !== '"')
		return raw
	return decode(raw) ?? raw
}

// One line of an answer.
export class Line {
	constructor(text) {
		this.text = text
		this.members = members(text) ?? new Map()
	}

	// The JSON text of a member, or undefined.
	raw(name) {
		const raw = this.members.get(name)
		return raw === 'null' ? undefined : raw
	}

	words(name) {
		return words(this.members.get(name))
	}

	// A number to reckon with, never to be shown in place of its text.
	number(name) {
		const raw = this.raw(name)
		return raw === undefined || !/^-?\d/.test(raw) ? NaN : Number(raw)
	}

	is(name) {
		return this.members.get(name) === 'true'
	}

	// The line in a member that is an object; without members if it is none.
	inner(name) {
		return new Line(this.raw(name) ?? '')
	}
}

// The same text with line breaks, as pairs [kind, text], kind being key,
// string, number, word or plain. Only white space between tokens is new.
export function* layOut(text) {
	let at = skipSpace(text, 0)
	let depth = 0
	let key = false
	const stack = []
	const line = () => '\n' + '  '.repeat(depth)
	while (at < text.length) {
		const c = text[at]
		if (c === '"') {
			const end = stringEnd(text, at)
			yield [key ? 'key' : 'string', text.slice(at, end)]
			at = end
		} else if (c === '{' || c === '[') {
			const next = skipSpace(text, at + 1)
			if (text[next] === '}' || text[next] === ']') {
				yield ['plain', c + text[next]]
				at = skipSpace(text, next + 1)
				continue
			}
			stack.push(c)
			depth++
			key = c === '{'
			yield ['plain', c + line()]
			at++
		} else if (c === '}' || c === ']') {
			depth--
			stack.pop()
			yield ['plain', line() + c]
			at++
		} else if (c === ',') {
			key = stack[stack.length - 1] === '{'
			yield ['plain', ',' + line()]
			at++
		} else if (c === ':') {
			key = false
			yield ['plain', ': ']
			at++
		} else {
			const end = Math.max(valueEnd(text, at), at + 1)
			yield [/[-\d]/.test(c) ? 'number' : 'word',
				text.slice(at, end)]
			at = end
		}
		at = skipSpace(text, at)
	}
}
