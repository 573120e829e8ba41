//! **Chats**: one message that gathers what is due, in the form that each
//! chat's incoming webhook takes. Nobody signs it: the address is the secret,
//! and is shown as one.
//!
//! Sources: Slack's incoming webhooks with mrkdwn; Microsoft Teams' workflows,
//! which take an adaptive card 1.4; the generic webhooks of Matrix hookshot.

use super::lines::Line;
use plimsoll_store::deliveries::Delivery;
use plimsoll_store::webhooks::Channel;
use serde_json::{Value, json};

/// A message to a chat; none for a channel that is no chat.
pub fn message(channel: Channel, url: &str, deliveries: &[Delivery]) -> Option<Vec<u8>> {
    let (lines, more) = Line::spelled(deliveries);
    let more = (more > 0).then(|| format!("and {more} more"));
    let message = match channel {
        Channel::Slack => slack(&lines, more.as_deref(), url),
        Channel::Teams => teams(&lines, more.as_deref(), url),
        Channel::Matrix => matrix(&lines, more.as_deref(), url),
        Channel::Webhook | Channel::Mail => return None,
    };
    Some(message.to_string().into_bytes())
}

/// Slack reads `<…>` as links and calls (`<!channel>`); these three signs
/// written out are all that its form asks for.
fn slack(lines: &[Line], more: Option<&str>, url: &str) -> Value {
    let inert = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut text: Vec<String> = lines.iter().map(|line| format!("<{}|{}>\n{}", inert(&line.link).replace('|', "%7C"), inert(&line.text), inert(&line.about))).collect();
    text.extend(more.map(|more| format!("<{}/console|{more}>", inert(url))));
    json!({ "text": text.join("\n"), "unfurl_links": false, "unfurl_media": false })
}

/// Text runs of a card are taken as they are; text blocks would be read for
/// marks and links.
fn teams(lines: &[Line], more: Option<&str>, url: &str) -> Value {
    let run = |text: &str, weight: &str, subtle: bool| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight, "isSubtle": subtle }] });
    let mut body: Vec<Value> = lines.iter().flat_map(|line| [run(&line.text, "Bolder", false), run(&line.about, "Default", true)]).collect();
    body.extend(more.map(|more| run(more, "Default", false)));
    let link = lines.first().filter(|_| lines.len() == 1).map_or_else(|| format!("{url}/console"), |line| line.link.clone());
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{ "type": "Action.OpenUrl", "title": "Look at it", "url": link }],
    });
    json!({ "type": "message", "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "content": card }] })
}

fn matrix(lines: &[Line], more: Option<&str>, url: &str) -> Value {
    let inert = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut text: Vec<String> = lines.iter().map(|line| format!("{}\n{}\n{}", line.text, line.about, line.link)).collect();
    let mut html: Vec<String> = lines.iter().map(|line| format!("<a href=\"{}\">{}</a><br>{}", inert(&line.link), inert(&line.text), inert(&line.about))).collect();
    if let Some(more) = more {
        text.push(format!("{more}: {url}/console"));
        html.push(format!("<a href=\"{}/console\">{}</a>", inert(url), inert(more)));
    }
    json!({ "text": text.join("\n\n"), "html": html.join("<br><br>"), "username": "Plimsoll" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use plimsoll_store::deliveries::DeliveryState;

    fn delivery(text: &str) -> Delivery {
        let body = json!({ "time": "2026-03-01T10:00:00Z", "data": { "text": text, "link": "https://patch.example/console/findings/A-1", "client": { "name": "Nord <b>" } } });
        Delivery {
            id: "1".to_owned(),
            channel: "slack".to_owned(),
            target: "1".to_owned(),
            client: None,
            event: "findings.overdue".to_owned(),
            body: body.to_string().into_bytes(),
            state: DeliveryState::Waiting,
            attempts: 1,
            next_try: Timestamp::UNIX_EPOCH,
            created: Timestamp::UNIX_EPOCH,
            ended: None,
            answer: None,
        }
    }

    fn sent(channel: Channel, texts: &[&str]) -> Value {
        let deliveries: Vec<Delivery> = texts.iter().map(|text| delivery(text)).collect();
        serde_json::from_slice(&message(channel, "https://patch.example", &deliveries).unwrap()).unwrap()
    }

    #[test]
    fn what_a_feed_wrote_calls_nobody_and_makes_no_link() {
        let hostile = "<!channel> <https://evil.example|click> & [a](https://evil.example)\n*bold* <script>";
        let slack = sent(Channel::Slack, &[hostile])["text"].as_str().unwrap().to_owned();
        assert_eq!(slack, "<https://patch.example/console/findings/A-1|&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; [a](https://evil.example) *bold* &lt;script&gt;>\n2026-03-01 10:00 UTC · Nord &lt;b&gt;");
        let matrix = sent(Channel::Matrix, &[hostile]);
        let html = matrix["html"].as_str().unwrap();
        assert!(html.starts_with("<a href=\"https://patch.example/console/findings/A-1\">&lt;!channel&gt;") && !html.contains("<script"), "{html}");
        let card = &sent(Channel::Teams, &[hostile])["attachments"][0]["content"];
        assert!(card["body"].as_array().unwrap().iter().all(|block| block["type"] == "RichTextBlock"), "a text block is read for marks");
        assert_eq!(card["actions"][0]["url"], "https://patch.example/console/findings/A-1");
    }

    #[test]
    fn many_are_one_message_with_a_count() {
        let texts = vec!["a finding is overdue"; 53];
        for channel in [Channel::Slack, Channel::Teams, Channel::Matrix] {
            let text = sent(channel, &texts).to_string();
            assert_eq!(text.matches("a finding is overdue").count() % 50, 0, "{channel:?}");
            assert!(text.contains("and 3 more") && text.contains("https://patch.example/console"), "{text}");
        }
        assert!(message(Channel::Mail, "x", &[]).is_none() && message(Channel::Webhook, "x", &[]).is_none());
    }
}
