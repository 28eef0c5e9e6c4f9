// What the buttons do: asks first, does it, and says in words what came of it.

import { ask } from './api.js'
import { confirm, say } from './dom.js'
import { count, sentence, shortId, visible } from './words.js'

// As many ids as a request may well have.
const BATCH = 500

// What became of one job, and whether it is what was asked for.
function toldCancel(line) {
	const id = shortId(line.words('id'))
	const was = line.words('was')
	if (was === 'unknown')
		return [false, `there is no job ${id} any more`]
	if (was === 'running' && line.is('asked_before'))
		return [true, `job ${id} was asked to stop before`]
	if (was === 'running' && line.is('done'))
		return [true, `asked job ${id} to stop, on ` +
			visible(line.words('worker'))]
	if (line.is('done'))
		return [true, `cancelled job ${id} (was ${was})`]
	return [false, `job ${id} is ${was} already`]
}

function toldRetry(line) {
	const id = shortId(line.words('id'))
	const was = line.words('was')
	if (was === 'unknown')
		return [false, `there is no job ${id} any more`]
	if (was === 'pending')
		return [true, `job ${id} is due at once`]
	if (line.is('done'))
		return [true, `job ${id} begins anew (was ${was})`]
	if (line.words('why') === 'key')
		return [false, `job ${id} stays ${was}: an unfinished job of ` +
			'its queue has the same key']
	if (was === 'running')
		return [false, `job ${id} is running already`]
	if (was === 'completed')
		return [false, `job ${id} is completed already`]
	return [false, `job ${id} is ${was}: what it needs must complete first`]
}

// Asks the verb about the ids, and tells of each, or of all in numbers.
async function act(verb, told, ids) {
	const answers = []
	for (let i = 0; i < ids.length; i += BATCH) {
		const part = ids.slice(i, i + BATCH)
		answers.push(...(await ask(verb, { ids: part })).lines.map(told))
	}
	const bad = answers.filter(([good]) => !good).map(([, text]) => text)
	const good = answers.filter(([done]) => done).map(([, text]) => text)
	if (good.length > 3)
		say(`${verb === 'cancel' ? 'Cancelled, or asked to stop,'
			: 'Let run again'}: ${count(good.length, 'job')}.`)
	else
		good.forEach(text => say(sentence(text)))
	bad.slice(0, 3).forEach(text => say(sentence(text), true))
	if (bad.length > 3)
		say(`… and ${count(bad.length - 3, 'more job')} ` +
			'could not be changed.', true)
	return good.length
}

// Does it unless it fails, which is said; true when it was done.
async function attempt(what) {
	try {
		await what()
		return true
	} catch (failure) {
		say(`Nothing more was done: ${failure.message}.`, true)
		return false
	}
}

export async function cancel(ids) {
	const one = ids.length === 1
	return await confirm(
		one ? `Cancel job ${shortId(ids[0])}?`
			: `Cancel ${ids.length} jobs?`,
		'What waits is called off. What runs is asked to stop, and killed ' +
		'if it does not.', one ? 'Cancel the job' : 'Cancel them') &&
		attempt(() => act('cancel', toldCancel, ids))
}

export async function retry(ids) {
	const one = ids.length === 1
	return await confirm(
		one ? `Retry job ${shortId(ids[0])}?` : `Retry ${ids.length} jobs?`,
		'What has failed or was cancelled begins anew, with all its ' +
		'attempts. What waits is due at once.',
		one ? 'Retry the job' : 'Retry them') &&
		attempt(() => act('retry', toldRetry, ids))
}

// Retries all that a list has, a page after the other.
export async function retryAll(request, about) {
	if (!await confirm('Retry all of them?',
		`Each job that has failed${about} begins anew, with all its attempts.`,
		'Retry them all'))
		return false
	return attempt(async () => {
		let after
		let found = 0
		do {
			const page = await ask('list', { ...request, limit: BATCH },
				after)
			const ids = page.lines.map(line => line.words('id'))
			after = page.more ? page.after : undefined
			found += ids.length
			if (ids.length > 0)
				await act('retry', toldRetry, ids)
		} while (after !== undefined)
		if (found === 0)
			say('There was nothing to retry.')
	})
}

export async function pause(queue, paused) {
	const name = visible(queue)
	const verb = paused ? 'resume' : 'pause'
	const yes = paused ? 'Resume the queue' : 'Pause the queue'
	const text = paused ? 'Workers may take its jobs again.'
		: 'What runs goes on, but no worker takes a job of it until it is ' +
		'resumed.'
	if (!await confirm(`${paused ? 'Resume' : 'Pause'} ${name}?`, text, yes))
		return false
	return attempt(async () => {
		const { lines } = await ask(verb, { queues: [queue] })
		const done = lines.some(line => line.is('done'))
		if (paused)
			say(done ? `Queue ${name} goes on.`
				: `Queue ${name} was not paused.`, !done)
		else
			say(done ? `Queue ${name} is paused.`
				: `Queue ${name} was paused before.`, !done)
	})
}
