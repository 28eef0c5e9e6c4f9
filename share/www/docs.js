// openapi.json as a page. Nothing of it becomes markup: all is text.

function element(name, text, ...inside) {
	const made = document.createElement(name)
	if (text)
		made.textContent = text
	made.append(...inside)
	return made
}

const api = await (await fetch(new URL('openapi.json', document.baseURI))).json()

function resolve(schema) {
	const name = schema?.$ref?.split('/').pop()
	return name ? api.components.schemas[name] : schema
}

// A schema in a few words, as one writes an example of it.
function words(given, depth = 0) {
	const schema = resolve(given)
	if (!schema || depth > 4)
		return '…'
	if (schema.enum)
		return schema.enum.map(value => JSON.stringify(value)).join(' | ')
	if (schema.const !== undefined)
		return JSON.stringify(schema.const)
	if (schema.type === 'array')
		return `[${words(schema.items, depth + 1)}, …]`
	if (schema.type !== 'object')
		return [schema.type ?? 'any'].flat().join(' | ')
	const pad = '  '.repeat(depth + 1)
	const members = Object.entries(schema.properties ?? {}).map(([name, inner]) =>
		`${pad}${JSON.stringify(name)}` +
		`${schema.required?.includes(name) ? '' : '?'}: ` +
		words(inner, depth + 1))
	return members.length === 0 ? '{…}'
		: `{\n${members.join(',\n')}\n${'  '.repeat(depth)}}`
}

function parameters(list) {
	return element('table', '', element('tbody', '', ...list.map(one =>
		element('tr', '', element('td', '', element('code', one.name)),
			element('td', one.in),
			element('td', one.description ?? '')))))
}

function bodies(content) {
	return Object.entries(content ?? {}).map(([type, { schema }]) =>
		element('pre', `${type}\n${words(schema)}`))
}

function answers(responses) {
	return Object.entries(responses).flatMap(([status, given]) => [
		element('p', '', element('code', status), ` ${given.description}`),
		...bodies(given.content)])
}

const main = document.getElementById('main')
const list = element('ul')
for (const tag of api.tags) {
	main.append(element('h2', `${tag.name}: ${tag.description}`))
	for (const [path, item] of Object.entries(api.paths))
		for (const [method, operation] of Object.entries(item)) {
			if (!operation.tags?.includes(tag.name))
				continue
			const name = `${method.toUpperCase()} ${path}`
			const section = element('section', '',
				element('h3', '', Object.assign(element('code',
					method.toUpperCase()), { className: 'method' }),
				element('code', path)),
				element('p', operation.summary),
				element('p', operation.description))
			section.id = operation.operationId
			if (operation.parameters)
				section.append(element('h4', 'Parameters'),
					parameters(operation.parameters))
			if (operation.requestBody)
				section.append(element('h4', 'Body'),
					...bodies(operation.requestBody.content))
			section.append(element('h4', 'Answers'),
				...answers(operation.responses))
			main.append(section)
			const link = element('a', name)
			link.href = `#${operation.operationId}`
			list.append(element('li', '', link))
		}
}
document.getElementById('contents').append(list)
