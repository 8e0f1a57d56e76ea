// Follows the newest decisions while the box is ticked; without scripts the page is whole, and reloading does the same.
const box = document.getElementById("live");
if (box) {
  box.parentElement.hidden = false;
  const follow = async () => {
    if (!box.checked || document.hidden) return;
    const answer = await fetch(location.href);
    if (!answer.ok || answer.redirected) { box.checked = false; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("followed").replaceChildren(...page.getElementById("followed").childNodes);
  };
  setInterval(follow, 3000);
}
