// Turns the wheel to what the service answered and counts down to the code's end. Without scripts the form's own answer shows it.
const TURNS = 5, MILLISECONDS = 4200;

function countDown() {
  const shown = document.querySelector("[data-until]");
  if (!shown) return;
  const two = new Intl.NumberFormat(document.documentElement.lang, { minimumIntegerDigits: 2, useGrouping: false });
  const until = Date.parse(shown.dataset.until);
  shown.hidden = false;
  const tick = () => {
    const left = Math.floor((until - Date.now()) / 1000);
    if (left <= 0) { shown.textContent = shown.dataset.over; clearInterval(timer); return; }
    const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    shown.querySelector("span").textContent = parts.map((part) => two.format(part)).join(":");
  };
  const timer = setInterval(tick, 1000);
  tick();
}

async function spin(event) {
  event.preventDefault();
  const form = event.target, button = form.querySelector("button"), turning = document.getElementById("turning");
  button.disabled = true;
  turning.textContent = turning.dataset.said;
  let told = turning.dataset.failed;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) {
      told = page.querySelector("[role=alert]").textContent.trim();
      throw new Error(`answered ${answer.status}`);
    }
    await turnTo(Number(page.getElementById("wheel").dataset.turned));
    show(page);
  } catch (error) {
    button.disabled = false;
    turning.textContent = told;
  }
}

async function turnTo(degrees) {
  const wheel = document.getElementById("wheel");
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    const turns = [{ transform: "rotate(0deg)" }, { transform: `rotate(${TURNS * 360 + degrees}deg)` }];
    await wheel.animate(turns, { duration: MILLISECONDS, easing: "cubic-bezier(.12,.75,.15,1)" }).finished;
  }
  wheel.setAttribute("transform", `rotate(${degrees})`);
}

function show(page) {
  const result = document.getElementById("result"), timer = page.querySelector("[data-until]");
  result.replaceChildren(...page.getElementById("result").childNodes);
  if (timer) result.after(timer);
  document.getElementById("spin").remove();
  document.getElementById("turning").remove();
  result.focus();
  countDown();
}

document.getElementById("spin")?.addEventListener("submit", spin);
countDown();
