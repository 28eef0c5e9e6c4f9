// The page of jobq-serve in a real browser, by the package playwright-core: one
// scenario, against a server that runs, over the store of $JOBQ_URL.
//     node www-peer.js SCENARIO http://127.0.0.1:PORT/ [ARGUMENT...]
// Whatever the scenario, it fails when the page breaks its own security policy,
// throws, opens a dialog of the browser, or asks another host for anything.
'use strict'
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { chromium } = require('playwright-core')

const [,, scenario, base, ...given] = process.argv
const WAIT_MS = 20000
const faults = []

function run(command, args, input) {
	return execFileSync(command, args, { input, encoding: 'utf8' })
}

function jobs(...args) {
	return run('jobq-list', [...args, '--json']).split('\n')
		.filter(line => line !== '').map(line => JSON.parse(line))
}

async function open(browser, options = {}) {
	const context = await browser.newContext({
		viewport: { width: 1280, height: 800 }, ...options })
	context.setDefaultTimeout(WAIT_MS)
	const page = await context.newPage()
	page.on('pageerror', error => faults.push(`thrown: ${error.stack}`))
	page.on('dialog', dialog => {
		faults.push(`a dialog: ${dialog.message()}`)
		dialog.dismiss()
	})
	page.on('console', message => {
		if (/Content Security Policy|Refused to/i.test(message.text()))
			faults.push(`refused: ${message.text()}`)
	})
	page.on('request', request => {
		if (!request.url().startsWith(base) &&
		    !request.url().startsWith('data:'))
			faults.push(`asked for ${request.url()}`)
	})
	return page
}

// Waits until a text can be seen, anywhere or in what the selector names.
function sees(page, text, where = 'body') {
	return page.locator(where).getByText(text).first().waitFor()
}

async function click(page, name, role = 'button') {
	await page.getByRole(role, { name, exact: true }).first().click()
}

async function answer(page, name) {
	await page.locator('dialog').waitFor()
	await page.locator('dialog').getByRole('button', { name }).click()
	await page.locator('dialog').waitFor({ state: 'detached' })
}

async function until(what, condition) {
	const end = Date.now() + WAIT_MS
	while (!await condition()) {
		assert(Date.now() < end, `never so: ${what}`)
		await new Promise(resolve => setTimeout(resolve, 50))
	}
}

async function goto(page, path) {
	await page.goto(base + path)
	await page.locator('#foot a').first().waitFor()
	await page.locator('main [data-key], main .empty').first().waitFor()
}

async function fits(page, what) {
	const over = await page.evaluate(() =>
		document.documentElement.scrollWidth - window.innerWidth)
	assert(over <= 0, `${what} is ${over} px too wide`)
}

const scenarios = {
	// By clicks alone, from the first page to each of the others.
	async screens(browser) {
		const page = await open(browser)
		await goto(page, '')
		await sees(page, 'Overview', 'h1')
		assert.equal(await page.locator('.totals .failed b').innerText(), '3')
		const row = page.locator('tr[data-key=mail]')
		await row.getByRole('button', { name: /^Pause/ }).click()
		await answer(page, 'No, go back')
		await row.getByRole('button', { name: /^Pause/ }).click()
		await answer(page, 'Pause the queue')
		await row.getByText(/^paused/).waitFor()
		await row.getByRole('button', { name: /^Resume/ }).click()
		await answer(page, 'Resume the queue')
		await row.getByRole('button', { name: /^Pause/ }).waitFor()

		await row.getByRole('link', { name: 'mail' }).click()
		await sees(page, 'Jobs', 'h1')
		assert.match(page.url(), /jobs\?queue=mail$/)
		await page.locator('.tabs').getByText('pending').click()
		await page.locator('.tabs [aria-current]').getByText('pending')
			.waitFor()
		assert.match(page.url(), /state=pending&queue=mail$/)
		await until('pending of mail only', async () =>
			(await page.locator('tbody .chip').allInnerTexts())
				.every(text => text === 'pending'))
		const boxes = page.locator('tbody [data-choose]')
		await boxes.nth(0).check()
		await boxes.nth(1).check()
		await sees(page, '2 jobs chosen')
		await click(page, 'Cancel jobs')
		await answer(page, 'Cancel them')
		await until('two are cancelled', () =>
			jobs('--state', 'cancelled').length === 2)
		// The rows stay in their places, and say what became of them.
		await page.locator('tr.left .chip.cancelled').nth(1).waitFor()
		await page.goBack()
		await page.goBack()
		await sees(page, 'Overview', 'h1')

		await click(page, 'Dead letters', 'link')
		await sees(page, 'Dead letters', 'h1')
		await sees(page, 'no such user')
		assert.equal(await page.locator('tbody tr').count(), 3)
		await page.locator('tbody tr').first().getByRole('button').click()
		await answer(page, 'Retry the job')
		await until('one is retried', () =>
			jobs('--state', 'failed').length === 2)
		await click(page, 'Retry all…')
		await answer(page, 'Retry them all')
		await until('all are retried', () =>
			jobs('--state', 'failed').length === 0)

		await click(page, 'Workers', 'link')
		await sees(page, 'host1')
		await sees(page, '4321')
		await page.locator('.held a').first().click()
		await sees(page, 'on host1:4321:abcd')
		await click(page, 'Cancel')
		await answer(page, 'Cancel the job')
		await sees(page, /[Aa]sked job .* to stop/)
		await page.keyboard.press('?')
		await sees(page, 'pause live updates')
		await page.keyboard.press('Escape')
		await page.getByRole('button', { name: /^Colours/ }).click()
		await page.getByRole('button', { name: /^Colours/ }).click()
		assert.equal(await page.evaluate(() =>
			getComputedStyle(document.documentElement).colorScheme), 'dark')
		await page.reload()
		assert.equal(await page.evaluate(() =>
			document.documentElement.dataset.theme), 'dark')
	},

	// given: the id. What is shown and copied is what was written.
	async exact(browser) {
		const page = await open(browser)
		await goto(page, `jobs?id=${given[0].slice(-8)}`)
		const input = page.locator('details[data-key=input] pre')
		await input.waitFor()
		assert.equal((await input.innerText()).replace(/\s/g, ''),
			'{"n":9007199254740993,"r":1.10,"e":1e400,' +
			'"q":"it\'s$(id)`x`\\"\\u0000"}')
		const whole = run('jobq-list', [given[0], '--json']).trim()
		await page.getByText('the whole line').click()
		assert.equal((await page.locator('details[data-key=line] pre')
			.innerText()).replace(/\n */g, '').replace(/": /g, '":'), whole)
		await page.getByText('Commands for a shell').click()
		const commands = await page.locator('.commands code').allInnerTexts()
		const push = commands.find(text => text.includes('jobq-push'))
		const again = JSON.parse(run('sh', ['-c', push])).id
		assert.notEqual(again, given[0])
		const inputOf = id => run('jobq-list', [id, '--json'])
			.match(/"input":(\{.*?\}),/)[1]
		assert.equal(inputOf(again), inputOf(given[0]))
		const curl = commands.find(text => text.includes('v1/cancel'))
		assert.match(run('sh', ['-c', curl]), /"was":"pending","done":true/)
		await until('it is cancelled', async () => await page.locator(
			'h1 .chip.cancelled').count() === 1)
	},

	// given: a queue with a job that waits, and a file whose making lets it go.
	async live(browser) {
		const page = await open(browser)
		const stream = page.waitForResponse(response =>
			response.url().includes('tasks/here/events?format=json'))
		await goto(page, `jobs?id=${given[0]}`)
		assert.equal((await stream).status(), 200)
		await sees(page, 'step one', '.log')
		await sees(page, 'half of it')
		run('touch', [given[1]])
		await page.locator('h1 .chip.completed').waitFor()
		await sees(page, 'completed', '.timeline')
		await sees(page, '"step one\\nstep two"', 'main pre')
		assert.deepEqual((await page.locator('.log div').allInnerTexts())
			.slice(0, 2).sort(), ['step one', 'to stderr'])
		assert(!/-\d+ (ms|s|min)/.test(await page.innerText('body')))
	},

	// A list that is live does not jump, and pages are kept by the address.
	async pages(browser) {
		const page = await open(browser)
		await goto(page, 'jobs?state=pending&queue=many')
		const ids = () => page.locator('tbody th a').evaluateAll(links =>
			links.map(link => link.title))
		const first = await ids()
		assert.equal(first.length, 50)
		run('jobq-cancel', ['--yes', ...first.slice(0, 3)])
		await page.locator('tr.left').nth(2).waitFor()
		assert.deepEqual(await ids(), first)
		await click(page, 'Next page', 'link')
		await until('another page', async () => {
			const now = await ids()
			return now.length > 0 && now[0] !== first[0]
		})
		const second = await ids()
		assert(!second.some(id => first.includes(id)))
		await page.reload()
		await page.locator('tbody th a').first().waitFor()
		assert.deepEqual(await ids(), second)
		await page.goBack()
		await until('the first page', async () => (await ids())[0] === first[3])
		await click(page, 'Live')
		await click(page, 'Held')
	},

	// What is not there, or cannot be, is a page that says so.
	async missing(browser) {
		const page = await open(browser)
		for (const [path, text] of [
			['jobs?id=nosuchjob', 'There is no job nosuchjob'],
			['jobs?state=done', "stands behind 'state='"],
			['jobs?id=..%2Fx', "stands behind 'id='"],
			['jobs?after={}', "stands behind 'after='"],
			['jobs?queue=%1b', "stands behind 'queue='"],
			['?view=%3Cscript%3E', 'There is no screen'],
		]) {
			await page.goto(base + path)
			await sees(page, text)
		}
		// It is gone while it is looked at.
		await goto(page, `jobs?id=${given[0]}`)
		await page.locator('h1 .chip').waitFor()
		run('jobq-cancel', ['--yes', given[0]])
		run('jobq-admin', ['prune', '--older-than', '0'])
		await sees(page, 'is no longer kept')
		// The server goes: what was seen stays, and that it is gone is said.
		await goto(page, '')
		process.kill(Number(given[1]))
		await sees(page, 'The server does not answer')
		await sees(page, 'Overview', 'h1')
	},

	// With --read-only there is nothing that acts; without it, all these.
	async acting(browser) {
		const page = await open(browser)
		const found = new Set()
		for (const path of ['', 'jobs', 'jobs?state=failed', 'jobs?id=wait-1',
			'jobs?id=done-3', '?view=workers']) {
			await goto(page, path)
			const [acts, words] = await page.evaluate(() => [
				[...document.querySelectorAll('[data-do], [data-choose]')]
					.filter(each => each.checkVisibility())
					.map(each => each.dataset.do ?? 'choose'),
				[...document.querySelectorAll('.commands dt')]
					.map(each => each.textContent)])
			acts.concat(words).forEach(each => found.add(each))
		}
		const all = ['cancel', 'cancel, by curl', 'choose', 'pause',
			'push again', 'retry', 'retry, by curl', 'retry-all']
		assert.deepEqual(all.filter(each => found.has(each)),
			given[0] === 'none' ? [] : all)
		assert.equal(await page.locator('#foot').getByText('read only').count(),
			given[0] === 'none' ? 1 : 0)
	},

	async keys(browser) {
		const page = await open(browser)
		await goto(page, '')
		const focused = () => page.evaluate(() => {
			const on = document.activeElement
			return on.title || on.name || on.textContent.trim()
		})
		await page.keyboard.press('Tab')
		assert.equal(await focused(), 'Skip to the content')
		await page.keyboard.press('Tab')
		assert.equal(await focused(), 'jobq')
		assert.notEqual(await page.evaluate(() => getComputedStyle(
			document.activeElement).outlineStyle), 'none')
		await page.keyboard.press('g')
		await page.keyboard.press('j')
		await sees(page, 'Jobs', 'h1')
		await page.locator('tbody th a').nth(2).waitFor()
		const ids = await page.locator('tbody th a').evaluateAll(links =>
			links.map(link => link.title))
		await page.keyboard.press('j')
		assert.equal(await focused(), ids[0])
		await page.keyboard.press('j')
		await page.keyboard.press('j')
		await page.keyboard.press('k')
		assert.equal(await focused(), ids[1])
		await page.keyboard.press('x')
		await sees(page, '1 job chosen')
		await page.keyboard.press('/')
		assert.equal(await focused(), 'queue')
		await page.keyboard.type('mail')
		await page.keyboard.press('Enter')
		await page.waitForURL(/queue=mail/)
		await page.locator('tbody th a').first().waitFor()
		await page.keyboard.press('j')
		await page.keyboard.press('Enter')
		await page.waitForURL(/id=/)
		await page.locator('h1 .chip').waitFor()
		await page.keyboard.press('c')
		await page.locator('dialog').waitFor()
		assert.equal(await focused(), 'No, go back')
		await page.keyboard.press('Escape')
		await page.locator('dialog').waitFor({ state: 'detached' })
		await page.keyboard.press('?')
		await sees(page, 'the next row', 'dialog')
	},

	// given: ids of jobs of each kind. Nothing is wider than a small phone.
	async narrow(browser) {
		for (const colorScheme of ['light', 'dark']) {
			const page = await open(browser, { colorScheme,
				viewport: { width: 320, height: 640 } })
			for (const path of ['', 'jobs', 'jobs?state=failed',
				'?view=workers', ...given.map(id => `jobs?id=${id}`),
				'jobs?id=nosuchjob']) {
				await page.goto(base + path)
				await page.locator('main [data-key], main .empty').first()
					.waitFor()
				await page.evaluate(() => {
					for (const d of document.querySelectorAll('details'))
						d.open = true
				})
				await fits(page, path)
			}
			await page.context().close()
		}
	},

	// given: the id of a job that ran. Each hostile text is seen as a text.
	async hostile(browser) {
		const texts = run('cat', [given[1]]).trim().split('\n')
			.map(line => JSON.parse(line))
		assert.equal(texts.length, 20)
		const page = await open(browser)
		const clean = async () => {
			assert.equal(await page.evaluate(() => window.hostile), undefined)
			assert.deepEqual(await page.evaluate(() =>
				[...document.querySelectorAll('main script, main img, ' +
					'main iframe, main style, main base, main meta, ' +
					'main object, main [onload], main [onerror], ' +
					'main [onclick], main [style]')].map(e => e.outerHTML)),
			[])
		}
		await goto(page, '')
		const queues = await page.locator('tbody th a').allInnerTexts()
		for (const text of texts)
			assert(queues.includes(text), `no queue ${text}`)
		await clean()
		for (const path of ['jobs', 'jobs?state=failed', '?view=workers']) {
			await goto(page, path)
			await clean()
		}
		for (const text of texts) {
			await goto(page, `jobs?queue=${encodeURIComponent(text)}`)
			await page.locator('tbody tr').first().waitFor()
			await clean()
			await page.locator('tbody th a').first().click()
			await page.locator('h1 .chip').waitFor()
			await until('all of it is shown', async () => {
				const shown = await page.locator('main').textContent()
				return shown.split(text).length > 6
			})
			await clean()
		}
	},

	// given: what the page is told without a script.
	async plain(browser) {
		const page = await open(browser, { javaScriptEnabled: false })
		await page.goto(base)
		await sees(page, 'Overview', 'h1')
		await sees(page, 'mail', 'tbody')
		assert.equal(await page.locator('.totals .failed b').innerText(), '3')
		await page.locator('tbody').getByText('many').click()
		await sees(page, 'Jobs', 'h1')
		assert.equal(await page.locator('tbody tr').count(), 50)
		const first = await page.locator('tbody th a').first()
			.getAttribute('title')
		await click(page, 'Next page', 'link')
		assert.notEqual(await page.locator('tbody th a').first()
			.getAttribute('title'), first)
		await page.locator('.tabs').getByText('failed').click()
		await page.goto(`${base}jobs?state=failed`)
		await sees(page, 'no such user', 'tbody')
		await page.locator('input[name=name]').fill('nothing-has-this')
		await click(page, 'Filter')
		await sees(page, 'No jobs like this')
		await page.setViewportSize({ width: 320, height: 640 })
		for (const path of ['', 'jobs', 'jobs?state=failed']) {
			await page.goto(base + path)
			await fits(page, path)
		}
	},

	// given: the token.
	async token(browser) {
		const page = await open(browser)
		await page.goto(base)
		const field = page.locator('dialog input')
		await field.fill('not-the-token')
		await field.press('Enter')
		await sees(page, 'was not accepted')
		await page.locator('dialog input').fill(given[0])
		await click(page, 'Go on')
		await sees(page, 'mail', 'tbody')
		await page.reload()
		await sees(page, 'mail', 'tbody')
		assert(!page.url().includes(given[0]))
	},

	// Prints how long the overview and a list take, from the click to the rows
	// of the server, and to those of the scripts.
	async large(browser) {
		const page = await open(browser)
		await goto(page, '?view=workers')
		for (const [what, path] of [['overview', ''],
			['list', 'jobs?state=pending'], ['second page', null]]) {
			const began = Date.now()
			if (path === null) {
				await click(page, 'Next page', 'link')
				await page.waitForURL(/after=/)
			} else {
				await page.goto(base + path, { waitUntil: 'commit' })
			}
			await page.locator('main tbody tr').first().waitFor()
			const seen = Date.now() - began
			await page.locator(path === '' ? 'tr[data-key=big]'
				: 'tbody tr[data-key] >> nth=49').waitFor()
			const ms = Date.now() - began
			console.log(`${what}: ${seen} ms, by the scripts ${ms} ms`)
			assert(ms < 5000, `${what} took ${ms} ms`)
		}
	},
}

async function main() {
	const browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
		args: process.getuid() === 0 ? ['--no-sandbox'] : [] })
	try {
		await scenarios[scenario](browser)
		assert.deepEqual(faults, [])
	} finally {
		await browser.close()
	}
}

main().catch(error => {
	console.error(error)
	faults.forEach(fault => console.error(fault))
	process.exit(1)
})
